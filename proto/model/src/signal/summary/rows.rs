//! Lists of rows, sorted by key and unique, brought together.
//!
//! What it means to add a value is the caller's business.

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

/// All lists as one. Each row is moved once; `join` adds to a value all others of its key, and may leave anything
/// behind in them.
pub fn merged<K: Ord, V>(lists: Vec<Vec<(K, V)>>, join: impl Fn(&mut V, &mut [V])) -> Vec<(K, V)> {
    let mut lists: Vec<Vec<(K, V)>> = lists.into_iter().filter(|l| !l.is_empty()).collect();
    if lists.len() < 2 {
        return lists.pop().unwrap_or_default();
    }
    // Pages behind what is used are never touched, and given back.
    let mut out: Vec<(K, V)> = Vec::with_capacity(lists.iter().map(Vec::len).sum());
    let mut lists: Vec<std::vec::IntoIter<(K, V)>> =
        lists.into_iter().map(IntoIterator::into_iter).collect();
    let mut others = Vec::new();
    while let Some(least) = least(&lists) {
        let Some((key, mut value)) = lists.get_mut(least).and_then(Iterator::next) else { break };
        // The first list that has the least key was found: equal ones lie behind it.
        for list in lists.iter_mut().skip(least + 1) {
            if list.as_slice().first().is_some_and(|(k, _)| *k == key)
                && let Some((_, more)) = list.next()
            {
                others.push(more);
            }
        }
        if !others.is_empty() {
            join(&mut value, &mut others);
            others.clear();
        }
        out.push((key, value));
        lists.retain(|l| !l.as_slice().is_empty());
    }
    out.shrink_to_fit();
    out
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

/// The first of the lists that begin with the least key.
fn least<K: Ord, V>(lists: &[std::vec::IntoIter<(K, V)>]) -> Option<usize> {
    let heads = lists.iter().enumerate();
    let heads = heads.filter_map(|(i, l)| l.as_slice().first().map(|(key, _)| (i, key)));
    heads.min_by(|a, b| a.1.cmp(b.1)).map(|(i, _)| i)
}
