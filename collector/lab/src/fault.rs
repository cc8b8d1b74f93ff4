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
    /// The same, of a table so large that the queries hold as many connections as `catalog` has.
    MissingIndex,
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
    /// Several times the demand.
    Load,
    /// `catalog`'s share of the processor was cut: its scheduler holds it back.
    Throttled,
    /// `orders` leaks connections until its pool has few left.
    Pool,
    /// The disk under `orders` takes long to make its journal durable.
    SlowDisk,
    /// The link into `cart` loses packets; they are sent again.
    LossyNetwork,
    /// The bank behind `payment` answers a part of its calls with an error.
    FailingDependency,
    /// `checkout` was told to wait for `payment` for less time than that takes.
    Configuration,
    /// The cache in front of the database lost what `catalog` reads.
    ColdCache,
    /// A release of `frontend` waits for one call before it makes the next; before, it made both at once.
    Sequential,
    /// A release of `orders` asks the same question again for every item.
    DuplicateQueries,
    /// A release of `catalog` guards all its stock with one lock, not each shelf with its own.
    LockConvoy,
    /// A release of `catalog` answers with every picture of a product.
    LargePayload,
    /// The bank refuses most calls, and a release of `payment` tries each again at once.
    RetryStorm,
}

impl Fault {
    /// All faults.
    pub const ALL: [Self; 23] = [
        Self::None,
        Self::NPlusOne,
        Self::Cpu,
        Self::SlowDatabase,
        Self::MissingIndex,
        Self::Lock,
        Self::DownstreamLatency,
        Self::Network,
        Self::Errors,
        Self::MemoryLeak,
        Self::Load,
        Self::Throttled,
        Self::Pool,
        Self::SlowDisk,
        Self::LossyNetwork,
        Self::FailingDependency,
        Self::Configuration,
        Self::ColdCache,
        Self::Sequential,
        Self::DuplicateQueries,
        Self::LockConvoy,
        Self::LargePayload,
        Self::RetryStorm,
    ];

    /// Those that the live shop can have.
    pub const LIVE: [Self; 13] = [
        Self::NPlusOne,
        Self::Cpu,
        Self::SlowDatabase,
        Self::Lock,
        Self::DownstreamLatency,
        Self::Errors,
        Self::Pool,
        Self::SlowDisk,
        Self::LossyNetwork,
        Self::FailingDependency,
        Self::ColdCache,
        Self::Load,
        Self::RetryStorm,
    ];

    /// Name on the command line and in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::NPlusOne => "n-plus-one",
            Self::Cpu => "cpu",
            Self::SlowDatabase => "slow-database",
            Self::MissingIndex => "missing-index",
            Self::Lock => "lock",
            Self::DownstreamLatency => "downstream-latency",
            Self::Network => "network",
            Self::Errors => "errors",
            Self::MemoryLeak => "memory-leak",
            Self::Load => "load",
            Self::Throttled => "throttled",
            Self::Pool => "pool",
            Self::SlowDisk => "slow-disk",
            Self::LossyNetwork => "lossy-network",
            Self::FailingDependency => "failing-dependency",
            Self::Configuration => "bad-configuration",
            Self::ColdCache => "cold-cache",
            Self::Sequential => "sequential-calls",
            Self::DuplicateQueries => "duplicate-queries",
            Self::LockConvoy => "lock-convoy",
            Self::LargePayload => "large-payload",
            Self::RetryStorm => "retry-storm",
        }
    }

    /// Whose fault it is; `None` when nobody's.
    pub fn culprit(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::NPlusOne => Some("orders"),
            Self::Cpu | Self::MemoryLeak => Some("catalog"),
            Self::SlowDatabase | Self::MissingIndex => Some("catalog"),
            Self::Lock => Some("checkout"),
            Self::DownstreamLatency | Self::Errors | Self::RetryStorm => Some("payment"),
            Self::Network => Some("cart"),
            Self::Load => Some("frontend"),
            Self::Throttled => Some("catalog"),
            Self::Pool => Some("orders"),
            Self::SlowDisk => Some("orders"),
            Self::LossyNetwork => Some("cart"),
            Self::FailingDependency => Some("payment"),
            Self::Configuration => Some("checkout"),
            Self::ColdCache | Self::LockConvoy | Self::LargePayload => Some("catalog"),
            Self::Sequential => Some("frontend"),
            Self::DuplicateQueries => Some("orders"),
        }
    }

    /// Whose fault it is in the live shop, which has no cart: there the link into `payment` is lossy.
    pub fn live_culprit(self) -> Option<&'static str> {
        match self {
            Self::LossyNetwork => Some("payment"),
            _ => self.culprit(),
        }
    }

    /// Kinds of bottleneck that name it rightly.
    pub fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::None => &["none"],
            Self::NPlusOne => &["chatty_calls"],
            Self::Cpu => &["cpu"],
            Self::SlowDatabase | Self::MissingIndex => &["database_io"],
            Self::Lock => &["lock"],
            Self::DownstreamLatency => &["downstream"],
            Self::Network => &["network_io"],
            Self::Errors => &["errors"],
            Self::MemoryLeak => &["memory"],
            Self::Load => &["load"],
            Self::Throttled => &["cpu"],
            Self::Pool => &["queue"],
            Self::SlowDisk => &["disk_io"],
            Self::LossyNetwork => &["network_io"],
            Self::FailingDependency => &["downstream"],
            Self::Configuration => &["configuration"],
            Self::ColdCache => &["database_io"],
            Self::Sequential | Self::DuplicateQueries | Self::RetryStorm => &["chatty_calls"],
            Self::LockConvoy => &["lock"],
            Self::LargePayload => &["network_io"],
        }
    }

    /// The service whose release brings it, if a release does.
    pub fn release(self) -> Option<&'static str> {
        match self {
            Self::NPlusOne
            | Self::Cpu
            | Self::Errors
            | Self::Sequential
            | Self::DuplicateQueries
            | Self::LockConvoy
            | Self::LargePayload
            | Self::RetryStorm => self.culprit(),
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
