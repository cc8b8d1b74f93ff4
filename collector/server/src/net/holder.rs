//! Who holds a port, as far as `/proc` tells: for a message that can be acted on.

use std::fs;

/// Name and process id of the process that listens on a TCP port.
pub(super) fn of(port: u16) -> Option<(String, u32)> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
            let (_, hex) = local.rsplit_once(':')?;
            let listens = state == "0A" && u16::from_str_radix(hex, 16) == Ok(port);
            // Behind the state: queues, timer, retransmits, uid, timeout, inode.
            listens.then(|| fields.nth(5).map(str::to_owned))?
        })
    })?;
    let wanted = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process.file_name().to_str().and_then(|n| n.parse().ok()) else { continue };
        let Ok(open) = fs::read_dir(process.path().join("fd")) else { continue };
        let holds = open
            .flatten()
            .any(|fd| fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()));
        if holds {
            let name = fs::read_to_string(process.path().join("comm")).ok()?;
            return Some((name.trim().to_owned(), pid));
        }
    }
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn our_own_port_is_ours() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (_, pid) = super::of(port).expect("seen in /proc");
        assert_eq!(pid, std::process::id());
    }
}
