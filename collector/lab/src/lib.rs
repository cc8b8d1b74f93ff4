//! A shop of services with faults.
