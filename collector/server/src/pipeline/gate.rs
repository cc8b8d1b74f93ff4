//! Whether requests are taken, and why not.

use std::sync::Arc;

/// The state of the doors' end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// What was acknowledged in an earlier life is read again first.
    Replaying,
    /// Requests are taken.
    Open,
    /// What was taken cannot be made durable: nothing is taken until it can.
    Failing(Arc<str>),
    /// The end.
    Closed,
}
