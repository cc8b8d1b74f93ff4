//! `span!`: a static call site, and code that records only what differs from call to call.

/// Begins a span below the thread's current one and gives the guard that ends it.
///
/// ```
/// # let (order, user, price) = (17, String::from("ada"), 9.5);
/// let mut span = longpole_sdk::span!("charge", order.id = order, user = &user, currency = "EUR");
/// span.set("price", price);
/// ```
///
/// In front of the name: `kind: Client` (or `Server`, `Producer`, `Consumer`) and `parent: &context`, in this
/// order. Behind it attributes, `key = value`: the key as dotted names or a literal, the value anything
/// that is a [`Value`](crate::Value), `%value` as it is displayed or `?value` as it is debugged. Values
/// are looked at only where the trace is recorded, in a closure: no `?` and no `.await` in them. A literal value belongs to the call site and costs
/// nothing.
#[macro_export]
macro_rules! span {
    (kind: $kind:ident, parent: $parent:expr, $name:literal $($rest:tt)*) => {
        $crate::__span!(@next ($kind, (begin_below, $parent), $name) [] [] $($rest)*)
    };
    (kind: $kind:ident, $name:literal $($rest:tt)*) => {
        $crate::__span!(@next ($kind, (begin), $name) [] [] $($rest)*)
    };
    (parent: $parent:expr, $name:literal $($rest:tt)*) => {
        $crate::__span!(@next (Internal, (begin_below, $parent), $name) [] [] $($rest)*)
    };
    ($name:literal $($rest:tt)*) => {
        $crate::__span!(@next (Internal, (begin), $name) [] [] $($rest)*)
    };
}

// Takes attribute by attribute: literals go into the first list, all else into the second.
#[doc(hidden)]
#[macro_export]
macro_rules! __span {
    // The end.
    (@next ($kind:ident, ($begin:ident $(, $parent:expr)?), $name:literal)
        [$(($fixed:expr, $literal:literal))*] [$(($key:expr, $value:expr))*] $(,)?) => {{
        static SITE: $crate::Site = $crate::Site::new(
            $name,
            $crate::Kind::$kind,
            ::core::file!(),
            ::core::line!(),
            &[$($key),*],
            &[$($crate::Fixed {
                key: $fixed,
                source: ::core::stringify!($literal),
                text: ::core::concat!($literal),
            }),*],
        );
        // The span is made where it is to lie, attributes included: moving it would cost more than making it.
        $crate::Entered::$begin(&SITE, $($parent,)? #[allow(unused_variables, unused_assignments)] |body: &mut $crate::Body| {
            #[allow(unused_mut)]
            let mut at = 0u32;
            $(
                $crate::Value::record(&$value, $crate::Key::Index(at), body);
                at += 1;
            )*
        })
    }};
    // A minus may begin an expression; what begins with one is not tried as a literal.
    (@next $h:tt $f:tt $v:tt, $($key:ident).+ = - $($rest:tt)*) => {
        $crate::__span!(@value $h $f $v (::core::stringify!($($key).+)) - $($rest)*)
    };
    (@next $h:tt $f:tt $v:tt, $key:literal = - $($rest:tt)*) => {
        $crate::__span!(@value $h $f $v ($key) - $($rest)*)
    };
    (@next $h:tt [$($f:tt)*] $v:tt, $($key:ident).+ = $value:literal $(, $($rest:tt)*)?) => {
        $crate::__span!(@next $h [$($f)* (::core::stringify!($($key).+), $value)] $v $(, $($rest)*)?)
    };
    (@next $h:tt [$($f:tt)*] $v:tt, $key:literal = $value:literal $(, $($rest:tt)*)?) => {
        $crate::__span!(@next $h [$($f)* ($key, $value)] $v $(, $($rest)*)?)
    };
    (@next $h:tt $f:tt $v:tt, $($key:ident).+ = $($rest:tt)*) => {
        $crate::__span!(@value $h $f $v (::core::stringify!($($key).+)) $($rest)*)
    };
    (@next $h:tt $f:tt $v:tt, $key:literal = $($rest:tt)*) => {
        $crate::__span!(@value $h $f $v ($key) $($rest)*)
    };
    (@value $h:tt $f:tt [$($v:tt)*] ($key:expr) %$value:expr $(, $($rest:tt)*)?) => {
        $crate::__span!(@next $h $f [$($v)* ($key, $crate::Shown(&$value))] $(, $($rest)*)?)
    };
    (@value $h:tt $f:tt [$($v:tt)*] ($key:expr) ?$value:expr $(, $($rest:tt)*)?) => {
        $crate::__span!(@next $h $f [$($v)* ($key, $crate::Debugged(&$value))] $(, $($rest)*)?)
    };
    (@value $h:tt $f:tt [$($v:tt)*] ($key:expr) $value:expr $(, $($rest:tt)*)?) => {
        $crate::__span!(@next $h $f [$($v)* ($key, $value)] $(, $($rest)*)?)
    };
}
