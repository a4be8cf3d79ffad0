// SPDX-License-Identifier: Apache-2.0
//
// A chat server on tokio: a task for each client, a broadcast channel between them, a timer. The Keep has the listener ready and speaks
// TLS for it.
use std::env;
use std::os::wasi::io::FromRawFd;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError, Sender};
use tokio::time;

const LONGEST_NAME: usize = 32;
/// Messages that a client may lag behind.
const BACKLOG: usize = 256;
const SILENCE: Duration = Duration::from_secs(600);

fn descriptor(name: &str) -> Option<i32> {
    let names = env::var("FD_NAMES").ok()?;
    names.split(':').position(|known| known == name).map(|index| index as i32)
}

async fn converse(mut stream: TcpStream, room: Sender<(u64, String)>, id: u64) -> std::io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"Your name? ").await?;
    let name = match lines.next_line().await? {
        Some(line) if !line.trim().is_empty() => line.trim().chars().take(LONGEST_NAME).collect::<String>(),
        _ => return Ok(()),
    };
    let mut heard = room.subscribe();
    let _ = room.send((id, format!("* {name} is here\n")));
    let result = loop {
        tokio::select! {
            line = time::timeout(SILENCE, lines.next_line()) => match line {
                Ok(Ok(Some(line))) => drop(room.send((id, format!("{name}: {line}\n")))),
                Ok(Ok(None)) | Err(_) => break Ok(()),
                Ok(Err(error)) => break Err(error),
            },
            message = heard.recv() => match message {
                Ok((from, text)) if from != id => writer.write_all(text.as_bytes()).await?,
                Ok(_) => (),
                Err(RecvError::Lagged(missed)) => {
                    writer.write_all(format!("* {missed} messages missed\n").as_bytes()).await?
                }
                Err(RecvError::Closed) => break Ok(()),
            },
        }
    };
    let _ = room.send((id, format!("* {name} has left\n")));
    result
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let fd = descriptor("chat").unwrap_or(3);
    // The descriptor is the program's from its start, and nobody else has it.
    let listener = unsafe { std::net::TcpListener::from_raw_fd(fd) };
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let (room, _) = broadcast::channel(BACKLOG);
    println!("chat listens on descriptor {fd}");
    for id in 0.. {
        let (stream, _) = listener.accept().await?;
        let room = room.clone();
        tokio::spawn(async move {
            if let Err(error) = converse(stream, room, id).await {
                eprintln!("client {id}: {error}");
            }
        });
    }
    Ok(())
}
