//! nginx with one worker, as a constant: what a server in C costs that parses and routes.
//!
//! It is configured to say the same bytes, as far as it can: it names itself in `Server`, and says
//! `Connection: keep-alive`, so these two are exempt from the comparison. It has no templates.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use super::Announce;
use super::pages::{FILE, GREETING, HELLO, JSON, directory, json};

pub(super) fn missing() -> Option<String> {
    let version = Command::new("nginx").arg("-v").stderr(Stdio::null()).status();
    version.is_err().then(|| "apt-get install nginx".to_owned())
}

/// Becomes nginx, on a port that was free a moment ago: it cannot tell which one it chose itself, nor
/// take over a socket that is bound already when it is its own master.
pub(super) fn serve(address: SocketAddr, announce: Announce<'_>) -> io::Result<()> {
    let address = TcpListener::bind(address)?.local_addr()?;
    let (files, home) = (directory()?, directory()?.join(format!("nginx-{}", std::process::id())));
    fs::create_dir_all(home.join("logs"))?;
    let configuration = home.join("nginx.conf");
    let json = String::from_utf8(json()).expect("JSON is UTF-8");
    let text = format!(
        "master_process off; daemon off; worker_processes 1; pid nginx.pid;
         error_log stderr crit; worker_rlimit_nofile 40000;
         events {{ worker_connections 20000; }}
         http {{
             access_log off; server_tokens off; etag on; keepalive_requests 1000000000;
             sendfile on; tcp_nopush on; types {{ }} default_type application/octet-stream;
             open_file_cache max=10;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             server {{
                 listen {address};
                 location = {HELLO} {{ default_type text/plain; return 200 '{GREETING}'; }}
                 location = {JSON} {{ default_type application/json; return 200 '{json}'; }}
                 location = {FILE} {{ alias '{}/mebibyte.bin'; }}
             }}
         }}",
        files.display()
    );
    fs::write(&configuration, text)?;
    announce(address);
    let mut nginx = Command::new("nginx");
    nginx.arg("-p").arg(&home).arg("-c").arg(&configuration);
    Err(nginx.exec())
}
