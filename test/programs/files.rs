// SPDX-License-Identifier: Apache-2.0
//
// What a Rust program does with files, standard input, sleep and panics, told in lines that are the same on every host that does it right.
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

fn list(path: &Path, depth: usize) -> io::Result<()> {
    let mut entries: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let kind = entry.file_type()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let shown = if kind.is_dir() { "d" } else if kind.is_symlink() { "l" } else { "f" };
        print!("{:indent$}{shown} {name}", "", indent = 2 * depth);
        if kind.is_file() {
            let content = fs::read(entry.path())?;
            let sum = content.iter().fold(5381u32, |sum, &byte| sum.wrapping_mul(33).wrapping_add(byte.into()));
            print!(" {} bytes, sum {sum}", content.len());
        }
        println!();
        if kind.is_dir() {
            list(&entry.path(), depth + 1)?;
        }
    }
    Ok(())
}

fn work() -> io::Result<()> {
    let root = Path::new("/data");
    list(root, 0)?;
    fs::create_dir_all(root.join("deep/er/and/deeper"))?;
    let path = root.join("deep/er/file");
    fs::write(&path, "0123456789")?;
    let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
    file.seek(SeekFrom::End(-3))?;
    let mut tail = String::new();
    file.read_to_string(&mut tail)?;
    println!("tail {tail}");
    file.seek(SeekFrom::Start(2))?;
    file.write_all(b"AB")?;
    file.set_len(6)?;
    println!("length {}", file.metadata()?.len());
    drop(file);
    println!("content {}", fs::read_to_string(&path)?);
    fs::rename(&path, root.join("moved"))?;
    fs::copy(root.join("moved"), root.join("copied"))?;
    println!("gone {:?}", File::open(&path).map(drop).map_err(|error| error.kind()));
    println!("there {:?}", OpenOptions::new().write(true).create_new(true).open(root.join("moved")).map(drop).map_err(|error| error.kind()));
    let mut log = OpenOptions::new().append(true).create(true).open(root.join("log"))?;
    for line in 0..1000 {
        writeln!(log, "line {line}")?;
    }
    // `tree` is beyond node:wasi, which loses its place in a directory while entries are removed from it.
    let many = if std::env::args().nth(1).as_deref() == Some("tree") { 3000 } else { 0 };
    for number in 0..many {
        fs::create_dir_all(root.join(format!("tree/{}/{}", number % 7, number)))?;
        fs::write(root.join(format!("tree/{}/{}/leaf", number % 7, number)), format!("{number}"))?;
    }
    if many > 0 {
        fs::remove_dir_all(root.join("tree"))?;
    }
    list(root, 0)?;
    let begun = Instant::now();
    std::thread::sleep(Duration::from_millis(30));
    // Not to the millisecond, since node:wasi wakes up a little too early.
    println!("slept {}", begun.elapsed() >= Duration::from_millis(25));
    for line in io::stdin().lock().lines() {
        println!("stdin {}", line?);
    }
    Ok(())
}

fn main() {
    work().expect("files");
    if std::env::args().nth(1).as_deref() == Some("panic") {
        panic!("as asked");
    }
}
