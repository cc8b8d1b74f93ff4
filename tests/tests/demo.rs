//! The demo, as a stranger runs it: real processes, a real release, the right verdict within a minute; and a run of
//! the same shop as a recording.
//! The other faults are run by hand (`longpole demo --fault ...`): each takes half a minute.

use longpole_tests::binary::{json, run};
use std::sync::{Mutex, PoisonError};

/// Two shops at once would take each other's processor time.
static ALONE: Mutex<()> = Mutex::new(());

/// A machine that takes the processors away makes the shop truly slow, for a cause that is not in it: what is said then
/// may be about that, so it is asked again so often. On a machine that lets the shop run the first word counts.
const AGAIN: usize = 2;

#[test]
fn the_demo_names_the_bad_release() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    for left in (0..=AGAIN).rev() {
        let out = run(&["demo", "--fault", "n-plus-one", "--json"]);
        let talk = String::from_utf8_lossy(&out.stderr);
        let told = String::from_utf8_lossy(&out.stdout);
        assert!(!told.is_empty(), "{talk}");
        let said = json(&out);
        let seconds = |of: &str| said[of].as_f64().unwrap_or(f64::NAN);
        assert!(seconds("seconds") - seconds("waited_seconds") <= 60.0, "{talk}\n{told}");
        assert!(said["customers"]["served"].as_u64().is_some_and(|n| n > 1_000), "{told}");
        let investigation = &said["investigation"];
        let good = out.status.code() == Some(0)
            && said["right"] == true
            && said["said"]["service"] == "orders"
            && investigation["handoff"]["specialist"]["name"] == "database"
            // The deploy is the suspect.
            && investigation["suspect"]["to"] == "1.5.0";
        if good {
            return;
        }
        let remark = said["machine"]["remark"].as_str();
        println!("{}: {remark:?}\n{talk}", said["said"]);
        assert!(left > 0 && remark.is_some(), "{talk}\n{told}");
    }
}

#[test]
fn a_live_run_is_recorded_and_judged_again_alike() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().expect("a folder");
    let kept = folder.path().display().to_string();
    let words = ["lab", "run", "--live", "--fault", "n-plus-one", "--runs", "1", "--json"];
    let short = ["--calm", "10", "--faulty", "8", "--keep", &kept];
    let out = run(&[&words[..], &short[..]].concat());
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let live = json(&out);
    assert_eq!(live["simulated"], false);
    assert!(live["runs"][0]["failed"].is_null(), "{}", live["runs"]);
    assert!(live["runs"][0]["spans"].as_u64().is_some_and(|n| n > 1_000), "{}", live["runs"]);
    let again = json(&run(&["lab", "run", "--fault", "n-plus-one", "--kept", &kept, "--json"]));
    assert_eq!(again["runs"], live["runs"]);
}
