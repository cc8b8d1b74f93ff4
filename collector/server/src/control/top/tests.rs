//! What a profile says, and that a liar gets nothing by it.

use super::*;
use flate2::{Compression, write::GzEncoder};
use longpole_proto::pprof::{Function, Label, Line, Location, Sample};
use proptest::prelude::*;
use std::io::Write;

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("in memory");
    gzip.finish().expect("in memory")
}

fn profile() -> Profile {
    let texts =
        ["", "outer", "hot", "cold", LABEL_TRACE, LABEL_SPAN, "00ab", "cd", "a.rs", "small"];
    let function = |id: u64| Function { id, name: id as i64, system_name: 0, filename: 8 };
    let location = |id: u64, functions: &[u64]| Location {
        id,
        mapping_id: 0,
        address: id,
        line: functions.iter().map(|f| Line { function_id: *f, line: 1 }).collect(),
    };
    let sample = |stack: &[u64], many: i64, span: bool| Sample {
        location_id: stack.to_vec(),
        value: vec![many, many * 10],
        label: if span {
            vec![Label { key: 4, str: 6 }, Label { key: 5, str: 7 }]
        } else {
            Vec::new()
        },
    };
    Profile {
        sample: vec![
            sample(&[1, 2], 6, true),
            sample(&[3, 2, 2], 3, false),
            sample(&[3, 2], 1, true),
        ],
        // A small one was inlined into the hot one.
        location: vec![location(1, &[9, 2]), location(2, &[1]), location(3, &[3])],
        function: [1, 2, 3, 9].map(function).to_vec(),
        string_table: texts.map(str::to_owned).to_vec(),
        period: 10,
        ..Profile::default()
    }
}

#[test]
fn self_time_is_the_innermost_functions() {
    let top = read(&packed(&profile().encode_to_vec())).expect("a profile");
    let rows: Vec<_> =
        top.functions.iter().map(|r| (r.function.as_str(), r.own, r.total)).collect();
    assert_eq!(rows, [("hot", 6, 6), ("cold", 4, 4), ("outer", 0, 10), ("small", 0, 6)]);
    assert_eq!((top.samples, top.functions[0].self_share), (10, 0.6));
    let spans: Vec<_> = top.spans.iter().map(|r| (&*r.trace_id, &*r.span_id, r.samples)).collect();
    assert_eq!(spans, [("00ab", "cd", 7)]);
    assert_eq!(top.spans[0].function, "hot");
}

#[test]
fn what_is_too_much_is_not_built() {
    let noise: Vec<u8> = (0..PROFILE_PACKED as u32 + 1)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert_eq!(read(&noise), Err(Unreadable::TooLarge));
    assert_eq!(read(&packed(&vec![0; PROFILE_BYTES + 1])), Err(Unreadable::TooLarge));
    let empty_samples = [0x12, 0].repeat(ITEMS + 1);
    assert_eq!(read(&packed(&empty_samples)), Err(Unreadable::TooMany));
    assert!(matches!(read(b"no gzip"), Err(Unreadable::Broken(_))));
    assert!(matches!(read(&packed(b"no protobuf")), Err(Unreadable::Broken(_))));
}

proptest! {
    #[test]
    fn no_profile_panics(at in any::<prop::sample::Index>(), to: u8, cut: bool) {
        let mut bytes = profile().encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if cut {
            bytes.truncate(at);
        }
        let _ = read(&packed(&bytes));
    }
}
