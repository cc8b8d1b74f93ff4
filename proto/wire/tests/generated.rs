//! The generated messages in the repository are what the .proto files say.
//!
//! `LONGPOLE_REGENERATE=1 cargo test -p longpole-proto --test generated` rewrites them.

use std::path::Path;

#[test]
fn generated_code_is_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("proto");
    let files = protox::compile([folder.join("longpole/v1/summary.proto")], [&folder])
        .expect("the .proto files compile");
    let out = tempfile::tempdir().expect("a folder");
    prost_build::Config::new().out_dir(out.path()).compile_fds(files).expect("code");
    let made = std::fs::read_to_string(out.path().join("longpole.v1.rs")).expect("generated code");
    let kept = root.join("src/generated/longpole.v1.rs");
    if std::env::var_os("LONGPOLE_REGENERATE").is_some() {
        std::fs::write(&kept, &made).expect("written");
    }
    let text = std::fs::read_to_string(&kept).unwrap_or_default();
    assert!(
        text == made,
        "run LONGPOLE_REGENERATE=1 cargo test -p longpole-proto --test generated"
    );
}
