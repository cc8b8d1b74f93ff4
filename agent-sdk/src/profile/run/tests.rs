//! A profile of this very process: what burns is found, in the span that it burns in, and the host goes on.

use super::*;
use longpole_proto::pprof::{LABEL_SPAN, LABEL_TRACE, Profile};
use prost::Message;
use std::io::Read;
use std::sync::mpsc;

#[inline(never)]
fn burns_midnight_oil(stop: &AtomicBool) -> u64 {
    let mut x = 1u64;
    while !stop.load(Ordering::Relaxed) {
        for i in 0..1_000u64 {
            x = std::hint::black_box(x.rotate_left(7) ^ i);
        }
    }
    x
}

fn read(packed: &[u8]) -> Profile {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("gzip");
    Profile::decode(bytes.as_slice()).expect("pprof")
}

#[test]
fn what_burns_is_found_in_its_span() {
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    let flag = std::sync::Arc::clone(&stop);
    let context = crate::Context {
        trace_id: 0xfeed_u128.to_be_bytes(),
        span_id: 0xbeef_u64.to_be_bytes(),
        sampled: true,
        trace_state: None,
        remote: false,
    };
    let burner = std::thread::spawn(move || {
        crate::with_context(&context, || burns_midnight_oil(&flag));
    });
    let (told, heard) = mpsc::channel();
    let plan = Plan { length: Duration::from_millis(600), rate: 199 };
    begin(plan, move |taken| drop(told.send(taken))).expect("it begins");
    let packed = heard.recv_timeout(Duration::from_secs(120)).expect("it ends").expect("a profile");
    stop.store(true, Ordering::Relaxed);
    burner.join().expect("the host goes on");
    let profile = read(&packed);
    let text = |at: i64| profile.string_table[at as usize].as_str();
    let (mut inside, mut all) = (0, 0);
    for sample in &profile.sample {
        let id = sample.location_id[0];
        let location = profile.location.iter().find(|l| l.id == id).expect("a location");
        let named = location.line.iter().any(|line| {
            let f = profile.function.iter().find(|f| f.id == line.function_id).expect("one");
            text(f.name).contains("burns_midnight_oil")
        });
        let label = |key: &str| {
            sample.label.iter().find(|l| text(l.key) == key).map(|l| text(l.str)).unwrap_or("")
        };
        let ours = label(LABEL_TRACE) == format!("{:032x}", 0xfeed)
            && label(LABEL_SPAN) == format!("{:016x}", 0xbeef);
        all += sample.value[0];
        inside += if named && ours { sample.value[0] } else { 0 };
    }
    assert!(inside > 0, "{inside} of {all}: {:?}", profile.string_table);
    assert!(crate::raw::profile::caught(), "a late signal must not end the process");
}

#[test]
fn memory_that_is_not_there_is_no_memory() {
    assert_eq!(crate::raw::profile::peek(8), None);
    let words = [3u64, 4];
    assert_eq!(crate::raw::profile::peek(words.as_ptr() as usize as u64), Some([3, 4]));
}
