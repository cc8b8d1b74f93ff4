//! The demo, as a stranger runs it: real processes, a real release, the right verdict within a minute.
//! The other faults are run by hand (`longpole demo --fault ...`): each takes half a minute.

use longpole_tests::binary::{json, run};

#[test]
fn the_demo_names_the_bad_release() {
    let out = run(&["demo", "--fault", "n-plus-one", "--json"]);
    let talk = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{talk}");
    let said = json(&out);
    assert_eq!(said["right"], true, "{}", said["said"]);
    assert_eq!(said["said"]["service"], "orders");
    assert_eq!(said["investigation"]["handoff"]["specialist"]["name"], "database");
    assert_eq!(said["investigation"]["suspect"]["to"], "1.5.0", "the deploy is the suspect");
    assert!(said["seconds"].as_f64().is_some_and(|s| s <= 60.0), "{}", said["seconds"]);
    assert!(said["customers"]["served"].as_u64().is_some_and(|n| n > 1_000));
}
