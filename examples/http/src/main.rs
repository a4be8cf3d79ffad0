// SPDX-License-Identifier: Apache-2.0
//
// A small HTTP/1.1 server on mio, as servers for Linux are written: one thread, one poll, non-blocking sockets, keep-alive, pipelining.
// The Keep has the listener ready and speaks TLS for it.
use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::os::wasi::io::FromRawFd;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

const LISTENER: Token = Token(0);
const LARGEST_REQUEST: usize = 65_536;

struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    to_send: Vec<u8>,
    closing: bool,
}

/// The descriptor of this name, as Enarx tells it: FD_NAMES is "stdin:stdout:stderr:http".
fn descriptor(name: &str) -> Option<i32> {
    let names = env::var("FD_NAMES").ok()?;
    names.split(':').position(|known| known == name).map(|index| index as i32)
}

fn response(status: &str, kind: &str, body: &[u8], close: bool) -> Vec<u8> {
    let connection = if close { "close" } else { "keep-alive" };
    let mut out = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    out.extend_from_slice(body);
    out
}

/// Takes one whole request off the front of what was received, and answers it. None while it is not whole.
fn answer(client: &mut Client) -> Option<()> {
    let end = client.received.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&client.received[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or("").split(' ');
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let mut length = 0;
    let mut close = false;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or(("", ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(usize::MAX);
        } else if name.eq_ignore_ascii_case("connection") {
            close = value.trim().eq_ignore_ascii_case("close");
        }
    }
    if length > LARGEST_REQUEST {
        client.to_send.extend(response("413 Content Too Large", "text/plain", b"too large\n", true));
        client.closing = true;
        return Some(());
    }
    if client.received.len() < end + length {
        return None;
    }
    let body: Vec<u8> = client.received.drain(..end + length).skip(end).collect();
    let reply = match (method, path) {
        ("GET", "/") => response("200 OK", "text/plain", b"Hello from a Keep.\n", close),
        ("GET", path) if path.starts_with("/bytes/") => {
            let count = path[7..].parse::<usize>().unwrap_or(0).min(16_777_216);
            response("200 OK", "application/octet-stream", &vec![b'x'; count], close)
        }
        ("POST", "/echo") => response("200 OK", "application/octet-stream", &body, close),
        _ => response("404 Not Found", "text/plain", b"no such thing\n", close),
    };
    client.to_send.extend(reply);
    client.closing |= close;
    Some(())
}

/// Reads and writes as far as it goes without waiting. False when the client is done with.
fn serve(client: &mut Client) -> io::Result<bool> {
    let mut buffer = [0; 16_384];
    let mut ended = false;
    loop {
        match client.stream.read(&mut buffer) {
            Ok(0) => {
                ended = true;
                break;
            }
            Ok(count) => client.received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
        if client.received.len() > 2 * LARGEST_REQUEST {
            return Ok(false);
        }
    }
    while !client.closing && answer(client).is_some() {}
    while !client.to_send.is_empty() {
        match client.stream.write(&client.to_send) {
            Ok(count) => drop(client.to_send.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    Ok(!client.closing && !ended)
}

fn main() -> io::Result<()> {
    let fd = descriptor("http").unwrap_or(3);
    // The descriptor is the program's from its start, and nobody else has it.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(fd) };
    listener.set_nonblocking(true)?;
    let mut listener = TcpListener::from_std(listener);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(256);
    let mut clients: HashMap<Token, Client> = HashMap::new();
    let mut next = 1;
    println!("http listens on descriptor {fd}");
    loop {
        poll.poll(&mut events, None)?;
        for event in events.iter() {
            let token = event.token();
            if token == LISTENER {
                loop {
                    let mut stream = match listener.accept() {
                        Ok((stream, _)) => stream,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    };
                    let token = Token(next);
                    next += 1;
                    poll.registry().register(&mut stream, token, Interest::READABLE)?;
                    let client = Client { stream, received: Vec::new(), to_send: Vec::new(), closing: false };
                    clients.insert(token, client);
                }
                continue;
            }
            let client = match clients.get_mut(&token) {
                Some(client) => client,
                None => continue,
            };
            if serve(client).unwrap_or(false) {
                let interest = if client.to_send.is_empty() {
                    Interest::READABLE
                } else {
                    Interest::READABLE | Interest::WRITABLE
                };
                poll.registry().reregister(&mut client.stream, token, interest)?;
            } else if let Some(mut client) = clients.remove(&token) {
                poll.registry().deregister(&mut client.stream)?;
            }
        }
    }
}
