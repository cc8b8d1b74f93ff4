//! Lists of rows, sorted by key and unique, brought together.
//!
//! What it means to add a value is the caller's business.

use std::cmp::Ordering;

/// Adds rows that stay where they are.
pub fn merge<K: Ord + Clone, V: Clone>(
    mine: &mut Vec<(K, V)>,
    theirs: &[(K, V)],
    add: impl Fn(&mut V, &V),
) {
    let new = news(mine, theirs);
    if new == 0 {
        // Nothing moves.
        let mut rows = mine.iter_mut();
        for (key, value) in theirs {
            if let Some((_, mine)) = rows.find(|(k, _)| k == key) {
                add(mine, value);
            }
        }
        return;
    }
    let mut out = Vec::with_capacity(mine.len() + new);
    let mut left = std::mem::take(mine).into_iter().peekable();
    for (key, value) in theirs {
        while let Some(row) = left.next_if(|(k, _)| k < key) {
            out.push(row);
        }
        match left.next_if(|(k, _)| k == key) {
            Some((k, mut v)) => {
                add(&mut v, value);
                out.push((k, v));
            }
            None => out.push((key.clone(), value.clone())),
        }
    }
    out.extend(left);
    *mine = out;
}

/// Keys of theirs that mine do not have.
fn news<K: Ord, V>(mine: &[(K, V)], theirs: &[(K, V)]) -> usize {
    let mut rows = mine.iter().map(|(k, _)| k).peekable();
    let known = |(key, _): &&(K, V)| {
        while rows.next_if(|k| *k < key).is_some() {}
        rows.next_if(|k| *k == key).is_some()
    };
    theirs.len() - theirs.iter().filter(known).count()
}

/// All lists as one. A row is moved once, out of the first list that has its key; `join` adds to its value all others of
/// the key where they lie, and may leave anything behind in them.
pub fn merged<K: Ord + Clone, V: Default>(
    mut lists: Vec<Vec<(K, V)>>,
    mut join: impl FnMut(&mut V, &mut [&mut V]),
) -> Vec<(K, V)> {
    lists.retain(|list| !list.is_empty());
    if lists.len() < 2 {
        return lists.pop().unwrap_or_default();
    }
    // Pages behind what is used are never touched, and given back.
    let mut out: Vec<(K, V)> = Vec::with_capacity(lists.iter().map(Vec::len).sum());
    let mut lists: Vec<&mut [(K, V)]> = lists.iter_mut().map(Vec::as_mut_slice).collect();
    let (mut same, mut others) = (Vec::with_capacity(lists.len()), Vec::new());
    loop {
        let beyond = level(&lists, &mut same);
        let Some((first, more)) = same.split_first() else { break };
        loop {
            others.extend(more.iter().filter_map(|i| Some(&mut next(lists.get_mut(*i)?)?.1)));
            let Some((key, value)) = lists.get_mut(*first).and_then(next) else { break };
            if !others.is_empty() {
                join(value, &mut others);
                others.clear();
            }
            out.push((key.clone(), std::mem::take(value)));
            if !goes_on(&lists, &same, beyond) {
                break;
            }
        }
    }
    out.shrink_to_fit();
    out
}

/// Takes the first row off a list.
fn next<'a, K, V>(list: &mut &'a mut [(K, V)]) -> Option<&'a mut (K, V)> {
    let (first, rest) = std::mem::take(list).split_first_mut()?;
    *list = rest;
    Some(first)
}

/// Rows whose keys have changed: sorted again, and those that have become equal brought together.
pub fn united<K: Ord, V: Default>(mut rows: Vec<(K, V)>, add: impl Fn(&mut V, V)) -> Vec<(K, V)> {
    if !rows.is_sorted_by(|a, b| a.0 < b.0) {
        rows.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        rows.dedup_by(|row, kept| {
            let same = row.0 == kept.0;
            if same {
                add(&mut kept.1, std::mem::take(&mut row.1));
            }
            same
        });
    }
    rows
}

/// Finds the lists that begin with the least key; gives back the one that begins with the least behind it.
fn level<K: Ord, V>(lists: &[&mut [(K, V)]], same: &mut Vec<usize>) -> Option<usize> {
    same.clear();
    let (mut least, mut beyond): (Option<&K>, Option<(usize, &K)>) = (None, None);
    for (i, list) in lists.iter().enumerate() {
        let Some((key, _)) = list.first() else { continue };
        match least.map_or(Ordering::Less, |least| key.cmp(least)) {
            Ordering::Less => {
                beyond = same.first().copied().zip(least);
                least = Some(key);
                same.clear();
                same.push(i);
            }
            Ordering::Equal => same.push(i),
            Ordering::Greater if beyond.is_none_or(|(_, other)| key < other) => {
                beyond = Some((i, key));
            }
            Ordering::Greater => {}
        }
    }
    beyond.map(|(i, _)| i)
}

/// Whether lists that had the same key have the same one again, before any of the others: rows of an entry come
/// together, and most lists that have one have all.
fn goes_on<K: Ord, V>(lists: &[&mut [(K, V)]], same: &[usize], beyond: Option<usize>) -> bool {
    let head = |i: usize| Some(&lists.get(i)?.first()?.0);
    let Some((key, more)) =
        same.split_first().and_then(|(first, more)| Some((head(*first)?, more)))
    else {
        return false;
    };
    more.iter().all(|i| head(*i) == Some(key)) && beyond.and_then(head).is_none_or(|k| key < k)
}
