//! Rows in the order of their keys: places are found, not looked for row by row.
//!
//! How rows get into that order is told where they do.

/// How many rows lie before a place, as `is_before` tells: a few looks where there are few of them, however many lie
/// behind.
pub fn before<T>(rows: &[T], is_before: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    while rows.get(step - 1).is_some_and(&is_before) {
        step *= 2;
    }
    // All before half of the step lie before it.
    let (from, until) = (step / 2, rows.len().min(step));
    from + rows.get(from..until).unwrap_or_default().partition_point(is_before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_what_a_look_at_each_says(len in 0..200usize, at in 0..250usize) {
            let rows: Vec<usize> = (0..len).collect();
            prop_assert_eq!(before(&rows, |row| *row < at), len.min(at));
        }
    }
}
