//! The faults of the shop, with the truth about each.

/// What goes wrong, from the middle of a recording on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A release of `orders` asks the database once per item.
    NPlusOne,
    /// A release of `catalog` burns processor time.
    Cpu,
    /// The database lost the index behind one query.
    SlowDatabase,
    /// `checkout` holds one lock while it works.
    Lock,
    /// The bank behind `payment` answers slowly.
    DownstreamLatency,
    /// The network into `cart` is slow.
    Network,
    /// A release of `payment` fails for a third of its requests.
    Errors,
    /// `catalog` leaks memory, collects garbage ever longer and is killed.
    MemoryLeak,
    /// Six times the demand.
    Load,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::NPlusOne,
        Self::Cpu,
        Self::SlowDatabase,
        Self::Lock,
        Self::DownstreamLatency,
        Self::Network,
        Self::Errors,
        Self::MemoryLeak,
        Self::Load,
    ];

    /// Name on the command line and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NPlusOne => "n-plus-one",
            Self::Cpu => "cpu",
            Self::SlowDatabase => "slow-database",
            Self::Lock => "lock",
            Self::DownstreamLatency => "downstream-latency",
            Self::Network => "network",
            Self::Errors => "errors",
            Self::MemoryLeak => "memory-leak",
            Self::Load => "load",
        }
    }

    /// Whose fault it is; `None` when nobody's.
    pub fn culprit(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::NPlusOne => Some("orders"),
            Self::Cpu | Self::MemoryLeak => Some("catalog"),
            Self::SlowDatabase => Some("catalog"),
            Self::Lock => Some("checkout"),
            Self::DownstreamLatency | Self::Errors => Some("payment"),
            Self::Network => Some("cart"),
            Self::Load => Some("frontend"),
        }
    }

    /// Kinds of bottleneck that name it rightly.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::None => &["none"],
            Self::NPlusOne => &["chatty_calls"],
            Self::Cpu => &["cpu"],
            Self::SlowDatabase => &["database_io"],
            Self::Lock => &["lock", "queue"],
            Self::DownstreamLatency => &["downstream"],
            Self::Network => &["network_io"],
            Self::Errors => &["errors"],
            Self::MemoryLeak => &["memory"],
            Self::Load => &["load", "queue"],
        }
    }

    /// The service whose release brings it, if a release does.
    pub fn release(self) -> Option<&'static str> {
        match self {
            Self::NPlusOne | Self::Cpu | Self::Errors => self.culprit(),
            _ => None,
        }
    }
}

impl std::str::FromStr for Fault {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name);
        let at = names.iter().position(|n| *n == s);
        at.map(|i| Self::ALL[i])
            .ok_or_else(|| format!("no fault {s:?}; there are: {}", names.join(", ")))
    }
}
