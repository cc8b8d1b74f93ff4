//! A server as a process of its own: takes two ports, says which, serves until its input closes.
//!
//! What a server does with a request is [`longpole`] or one of the [`floor`]s.

mod floor;
mod longpole;
mod red;

use crate::scenario::Server;
use std::io::Read;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Arguments of `serve`.
#[derive(Debug, clap::Parser)]
pub struct Args {
    /// Which one.
    #[arg(long, value_enum)]
    server: Server,
    /// Shards of the real one.
    #[arg(long, default_value_t = 1)]
    shards: u32,
    /// Where the one with a journal has it: a folder of who started this process, since this one is killed.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// Any port of this machine.
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Serves until standard input closes.
///
/// # Errors
/// When it cannot.
pub fn run(args: Args) -> Result<(), String> {
    // As the collector's command builds it: as many workers as cores it may use.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|e| format!("no runtime: {e}"))?;
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = tell.send(());
    });
    let stop = async {
        let _ = told.await;
    };
    runtime.block_on(async {
        match args.server {
            Server::Longpole => longpole::run(args.shards, None, stop).await,
            Server::Journal => {
                let folder = args.data.ok_or("a journal needs --data")?;
                longpole::run(args.shards, Some(&folder), stop).await
            }
            Server::Prost => floor::run(floor::Work::Prost, stop).await,
            Server::Walk => floor::run(floor::Work::Walk(Default::default()), stop).await,
            Server::Drop => floor::run(floor::Work::Drop, stop).await,
        }
    })
}

/// Says where it listens, as one line.
fn announce(grpc: SocketAddr, http: SocketAddr, listen: Option<SocketAddr>) {
    println!("{}", serde_json::json!({ "grpc": grpc, "http": http, "listen": listen }));
}
