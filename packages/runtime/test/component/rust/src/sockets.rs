// SPDX-License-Identifier: Apache-2.0
//! A command that uses TCP as its arguments say: `serve PORT CLIENTS`, `get NAME PORT`, `try NAME PORT`.
use wasi::cli::environment::get_arguments;
use wasi::io::poll::poll;
use wasi::io::streams::StreamError;
use wasi::sockets::instance_network::instance_network;
use wasi::sockets::ip_name_lookup::resolve_addresses;
use wasi::sockets::network::{ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasi::sockets::tcp::{ShutdownType, TcpSocket};
use wasi::sockets::tcp_create_socket::create_tcp_socket;
use wasi::sockets::udp_create_socket::create_udp_socket;

struct Command;
wasi::cli::command::export!(Command);

impl wasi::exports::cli::run::Guest for Command {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let port = |at: usize| arguments[at].parse::<u16>().unwrap();
        match arguments[1].as_str() {
            "serve" => serve(port(2), arguments[3].parse().unwrap()),
            "get" => println!("{}", get(&arguments[2], port(3)).unwrap()),
            "try" => {
                println!("connect: {:?}", get(&arguments[2], port(3)).map_err(|code| code.name()));
                println!("bind: {:?}", bind(port(3)).map(|_| ()).map_err(|code| code.name()));
                println!("udp: {:?}", create_udp_socket(IpAddressFamily::Ipv4).map(|_| ()).map_err(|code| code.name()));
            }
            _ => return Err(()),
        }
        Ok(())
    }
}

fn any(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (0, 0, 0, 0) })
}

fn bind(port: u16) -> Result<TcpSocket, ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_bind(&instance_network(), any(port))?;
    socket.finish_bind()?;
    Ok(socket)
}

/// Echoes to so many clients, one after the other.
fn serve(port: u16, clients: u32) {
    let socket = bind(port).unwrap();
    socket.start_listen().unwrap();
    socket.finish_listen().unwrap();
    println!("listening {} {:?}", socket.is_listening(), socket.local_address());
    for _ in 0..clients {
        let (client, from, to) = loop {
            match socket.accept() {
                Err(ErrorCode::WouldBlock) => socket.subscribe().block(),
                other => break other.unwrap(),
            }
        };
        loop {
            match from.blocking_read(65_536) {
                Ok(bytes) => bytes.chunks(4096).for_each(|piece| {
                    let _ = to.blocking_write_and_flush(piece);
                }),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(error)) => {
                    println!("read: {}", error.to_debug_string());
                    break;
                }
            }
        }
        let _ = client.shutdown(ShutdownType::Send);
        drop(from);
        drop(to);
    }
    println!("done");
}

/// Sends a line and reads to the end.
fn get(name: &str, port: u16) -> Result<String, ErrorCode> {
    let network = instance_network();
    let addresses = resolve_addresses(&network, name)?;
    let address = match addresses.resolve_next_address()? {
        Some(IpAddress::Ipv4(address)) => address,
        other => panic!("{other:?}"),
    };
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    socket.start_connect(&network, IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }))?;
    let ready = socket.subscribe();
    let (from, to) = loop {
        poll(&[&ready]);
        match socket.finish_connect() {
            Err(ErrorCode::WouldBlock) => continue,
            other => break other?,
        }
    };
    drop(ready);
    to.blocking_write_and_flush(b"hello from a component\n").unwrap();
    socket.shutdown(ShutdownType::Send)?;
    let mut content = Vec::new();
    while let Ok(bytes) = from.blocking_read(65_536) {
        content.extend(bytes);
    }
    drop(from);
    drop(to);
    Ok(String::from_utf8_lossy(&content).into_owned())
}
