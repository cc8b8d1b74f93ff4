//! What an attribute may be. Values are copied into the span as they are; nothing is formatted or
//! allocated for numbers, truth values and texts.

use crate::record::body::{Body, Key};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::Arc;

/// Something that can be an attribute's value.
pub trait Value {
    /// Adds itself to a span, under a key.
    fn record(&self, key: Key<'_>, to: &mut Body);
}

macro_rules! values {
    ($($of:ty: $value:ident, $key:ident, $to:ident => $record:expr;)*) => {
        $(impl Value for $of {
            #[inline(always)]
            fn record(&self, $key: Key<'_>, $to: &mut Body) {
                let $value = self;
                $record
            }
        })*
    };
}

values! {
    i64: v, key, to => to.i64(key, *v);
    i32: v, key, to => to.i64(key, i64::from(*v));
    i16: v, key, to => to.i64(key, i64::from(*v));
    i8: v, key, to => to.i64(key, i64::from(*v));
    u32: v, key, to => to.i64(key, i64::from(*v));
    u16: v, key, to => to.i64(key, i64::from(*v));
    u8: v, key, to => to.i64(key, i64::from(*v));
    // OTLP knows no unsigned numbers: what is too large is the largest there is.
    u64: v, key, to => to.i64(key, i64::try_from(*v).unwrap_or(i64::MAX));
    usize: v, key, to => to.i64(key, i64::try_from(*v).unwrap_or(i64::MAX));
    isize: v, key, to => to.i64(key, *v as i64);
    f64: v, key, to => to.f64(key, *v);
    f32: v, key, to => to.f64(key, f64::from(*v));
    bool: v, key, to => to.bool(key, *v);
    str: v, key, to => to.str(key, v);
    String: v, key, to => to.str(key, v);
    Cow<'_, str>: v, key, to => to.str(key, v);
    Arc<str>: v, key, to => to.str(key, v);
}

impl<T: Value + ?Sized> Value for &T {
    #[inline(always)]
    fn record(&self, key: Key<'_>, to: &mut Body) {
        (**self).record(key, to);
    }
}

/// `None` is no attribute.
impl<T: Value> Value for Option<T> {
    fn record(&self, key: Key<'_>, to: &mut Body) {
        match self {
            Some(value) => value.record(key, to),
            None => to.nothing(key),
        }
    }
}

/// As [`fmt::Display`] shows it; `%value` in [`span!`](crate::span!).
#[derive(Clone, Copy, Debug)]
pub struct Shown<T>(pub T);

/// As [`fmt::Debug`] shows it; `?value` in [`span!`](crate::span!).
#[derive(Clone, Copy, Debug)]
pub struct Debugged<T>(pub T);

impl<T: fmt::Display> Value for Shown<T> {
    fn record(&self, key: Key<'_>, to: &mut Body) {
        formatted(format_args!("{}", self.0), |text| to.str(key, text));
    }
}

impl<T: fmt::Debug> Value for Debugged<T> {
    fn record(&self, key: Key<'_>, to: &mut Body) {
        formatted(format_args!("{:?}", self.0), |text| to.str(key, text));
    }
}

/// Bytes of a formatted text: formatting ends there, however long the rest would be.
const LONGEST: usize = 32 << 10;

/// Text that refuses to grow beyond its cap.
struct Bounded<'a>(&'a mut String);

impl Write for Bounded<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let part = crate::record::body::cut(text, LONGEST - self.0.len());
        self.0.push_str(part);
        if part.len() < text.len() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Formats into a text that the thread keeps, and gives it to `take`.
pub(crate) fn formatted<R>(args: fmt::Arguments<'_>, take: impl FnOnce(&str) -> R) -> R {
    thread_local! {
        static KEPT: RefCell<String> = const { RefCell::new(String::new()) };
    }
    // Taken out, not borrowed: what is formatted may itself record spans.
    let mut text =
        KEPT.try_with(|kept| std::mem::take(&mut *kept.borrow_mut())).unwrap_or_default();
    text.clear();
    // An error means that the text was cut, or that the value's own formatting gave up: both are as good
    // as it gets.
    let _ = Bounded(&mut text).write_fmt(args);
    let result = take(&text);
    let _ = KEPT.try_with(|kept| *kept.borrow_mut() = text);
    result
}
