//! What goes out: regressions, whose time it is, what kind it is, who gets it, and the snapshot.
//!
//! Owned texts, floating point and JSON-ready: findings are read, not merged.

mod attribution;
mod bottleneck;
mod change;
mod diagnosis;
mod investigation;
mod proof;
mod regression;
mod snapshot;
mod totals;

pub use attribution::*;
pub use bottleneck::*;
pub use change::*;
pub use diagnosis::*;
pub use investigation::*;
pub use proof::*;
pub use regression::*;
pub use snapshot::*;
pub use totals::*;
