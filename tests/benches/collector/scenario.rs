//! What is compared: servers, protocols, loads.

use std::fmt;

/// A server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Server {
    /// The real collector with its default settings.
    Longpole,
    /// The same with a journal, in a folder of the system's for temporary files.
    Journal,
    /// Floor: tonic builds prost's values; counted and dropped.
    Prost,
    /// Floor: tonic, every attribute read in place; rate, errors, durations by service, name, kind.
    Walk,
    /// Floor: tonic, bytes dropped unread.
    Drop,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Longpole, Self::Journal, Self::Prost, Self::Walk, Self::Drop];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Longpole => "longpole",
            Self::Journal => "journal",
            Self::Prost => "prost",
            Self::Walk => "walk",
            Self::Drop => "drop",
        }
    }

    /// Seconds until all of its work is under way: the collector evaluates a trace five seconds after
    /// its last span came. Measured before that, it would seem faster than it is.
    pub fn settles(self) -> u64 {
        if matches!(self, Self::Longpole | Self::Journal) { 5 } else { 0 }
    }
}

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP, protobuf, HTTP/1.1 with connections that stay.
    Http,
}

impl Protocol {
    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// One load on some servers.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// How requests travel.
    pub protocol: Protocol,
    /// Spans a request.
    pub spans: u32,
    /// Spans a second; `None`: as fast as answers come.
    pub rate: Option<u64>,
    /// Distinct operations.
    pub operations: u32,
    /// Who is under it.
    pub servers: Vec<Server>,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Grpc => "gRPC",
            Protocol::Http => "HTTP/1.1",
        };
        write!(f, "{protocol}, {} spans a request, {} operations, ", self.spans, self.operations)?;
        match self.rate {
            Some(rate) => write!(f, "{rate} spans/s"),
            None => write!(f, "closed loop"),
        }
    }
}
