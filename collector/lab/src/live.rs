//! The shop as real processes: real HTTP between them, a real SQL database, real locks and pools,
//! and releases that are bad in known ways. Instrumented with the SDK like anybody's services.
//!
//! Each process is this binary again in one [`Role`]. Where the others live stands in an address book
//! (`book`); who starts and releases them is `drive`, who records a whole run of them `round`.

mod book;
mod cache;
mod drive;
mod journal;
mod link;
mod machine;
mod recorder;
mod roles;
mod round;
mod store;
mod visitors;

pub use book::Book;
pub use drive::{Live, LiveError, Plan, fetch, post};
pub use machine::Machine;
pub use round::{RELEASES, Round};
pub use visitors::Visitors;

use std::path::PathBuf;

/// What a process of the shop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// What customers talk to.
    Frontend,
    /// Products; asks its database.
    Catalog,
    /// Takes money and makes orders of it, one ledger behind one lock.
    Checkout,
    /// Orders and their items; asks its database.
    Orders,
    /// Talks to the bank.
    Payment,
    /// Somebody else's: sends no spans.
    Bank,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Bank, Self::Payment, Self::Orders, Self::Catalog, Self::Checkout, Self::Frontend];

    /// `service.name`, and the name in the address book.
    pub fn name(self) -> &'static str {
        match self {
            Self::Frontend => "frontend",
            Self::Catalog => "catalog",
            Self::Checkout => "checkout",
            Self::Orders => "orders",
            Self::Payment => "payment",
            Self::Bank => "bank",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|r| r.name() == s).ok_or_else(|| format!("no role {s:?}"))
    }
}

/// What one process is told.
#[derive(Clone, Debug)]
pub struct Service {
    /// What it is.
    pub role: Role,
    /// Its release.
    pub version: String,
    /// Whether this release has the fault, and which.
    pub fault: crate::Fault,
    /// The address book.
    pub book: PathBuf,
    /// Where its telemetry goes; empty = nowhere.
    pub otlp: String,
}

/// Runs one process of the shop until it is told to stop.
///
/// # Errors
/// [`LiveError`] when it cannot start.
pub async fn serve(service: Service) -> Result<(), LiveError> {
    roles::serve(service).await
}
