//! Where the master is, asked of Sentinels: each connection is made to whom one of them names, so that after a
//! failover the next one finds the new master. They are asked in the order in which they are written; one that
//! does not answer, or does not know, is passed over. Without login: who is a Sentinel's user is not ours.

use super::address::Address;
use super::nodes::open;
use super::session::ANSWER;
use redis::{ConnectionAddr, RedisResult, cmd};

/// Port where none is written.
const PORT: u16 = 26_379;

/// Who knows, and whom they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentinels {
    /// Hosts and ports.
    pub hosts: Vec<(String, u16)>,
    /// The name of the master.
    pub master: String,
}

impl Sentinels {
    /// Reads `host[:port][,host[:port]...]/master`.
    pub fn parse(text: &str) -> Option<Self> {
        let (list, master) = text.split_once('/')?;
        let hosts = hosts(list, PORT)?;
        named(master).then(|| Self { hosts, master: master.to_owned() })
    }

    /// Hosts and master, as they are written.
    pub fn shown(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|(h, p)| format!("{h}:{p}")).collect();
        format!("{}/{}", hosts.join(","), self.master)
    }

    /// Where the master is now.
    ///
    /// # Errors
    /// What the last of them said, where none knows.
    pub async fn ask(&self, address: &Address) -> RedisResult<ConnectionAddr> {
        let mut why = String::new();
        for (host, port) in &self.hosts {
            match self.ask_one(address, host, *port).await {
                Ok(Some((host, port))) => return Ok(address.at(&host, port)),
                Ok(None) => why = format!("{host}:{port} knows no master {}", self.master),
                Err(e) => why = format!("{host}:{port}: {e}"),
            }
        }
        let told = format!("no Sentinel says where the master is; the last one, {why}");
        Err(std::io::Error::other(told).into())
    }

    async fn ask_one(
        &self,
        address: &Address,
        host: &str,
        port: u16,
    ) -> RedisResult<Option<(String, u16)>> {
        let mut c = open(&address.stranger(address.at(host, port))?, ANSWER).await?;
        let mut ask = cmd("SENTINEL");
        ask.arg("get-master-addr-by-name").arg(&self.master).query_async(&mut c).await
    }
}

/// Reads `host[:port][,host[:port]...]`.
pub fn hosts(text: &str, port: u16) -> Option<Vec<(String, u16)>> {
    let one = |text: &str| {
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, port),
        };
        named(host).then(|| (host.to_owned(), port))
    };
    text.split(',').map(one).collect()
}

fn named(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_the_master_are_read() {
        let all = Sentinels::parse("a.example,b:7000/main").expect("a list");
        assert_eq!(all.hosts, [("a.example".to_owned(), 26_379), ("b".to_owned(), 7_000)]);
        assert_eq!(all.shown(), "a.example:26379,b:7000/main");
        for bad in ["", "a", "a/", "/main", "a,/main", "a:x/main", "a/ma in", "a:1:2/m", "a@b/m"] {
            assert_eq!(Sentinels::parse(bad), None, "{bad}");
        }
    }
}
