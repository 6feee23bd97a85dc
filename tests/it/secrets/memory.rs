//! Copies of a secret in the process's memory after its configuration is dropped.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::FileExt as _,
    path::Path,
};

use ottla::ProducerConfig;

use super::Folder;
use crate::own_process::alone;

/// A secret that is not in memory itself, since only its masked bytes are stored.
struct Masked(Vec<u8>);

const MASK: u8 = 0x15;

impl Masked {
    fn new() -> Self {
        Self((0..30_u8).map(|index| (b'a' + index * 7 % 26) ^ MASK).collect())
    }

    /// Writes a text to a file byte by byte, with the secret in place of each `@`.
    fn write(&self, path: &Path, text: &str) {
        let mut file = File::create(path).unwrap();
        for byte in text.bytes() {
            match byte {
                b'@' => self.0.iter().for_each(|byte| file.write_all(&[byte ^ MASK]).unwrap()),
                byte => file.write_all(&[byte]).unwrap(),
            }
        }
    }

    fn is_at(&self, memory: &[u8]) -> bool {
        memory.len() >= self.0.len() && self.0.iter().zip(memory).all(|(masked, byte)| masked ^ MASK == *byte)
    }

    /// The number of copies of the secret in memory.
    fn copies(&self) -> usize {
        let memory = File::open("/proc/self/mem").unwrap();
        let mut chunk = vec![0; 1 << 16];
        let own = chunk.as_ptr().addr()..chunk.as_ptr().addr() + chunk.len();
        let mut found = 0;
        for line in fs::read_to_string("/proc/self/maps").unwrap().lines().filter(|line| line.contains(" rw")) {
            let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            let [mut start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).unwrap());
            while start < end {
                let read = memory.read_at(&mut chunk, u64::try_from(start).unwrap()).unwrap_or_default().min(end - start);
                let places = (0..read).filter(|at| !own.contains(&(start + at)) && self.is_at(&chunk[*at..read]));
                found += places.count();
                // A copy that crosses the end of the chunk is found in the next one.
                start += if read > self.0.len() { read - self.0.len() + 1 } else { end - start };
            }
        }
        found
    }
}

#[test]
fn dropped_configurations_leave_no_secret_in_memory() {
    // Other tests would have copies in the same memory.
    alone("secrets::memory::dropped_configurations_leave_no_secret_in_memory", || {
        let (folder, secret) = (Folder::new(), Masked::new());
        let password = folder.path("password");
        secret.write(&password, "@\n");
        let placeholder = format!("ssl.key.password=${{file:{}}}\n", password.display());
        let jaas = "org.apache.kafka.PlainLoginModule required username='alice' password='@';";
        let toml = format!(
            "[producer]\nbootstrap.servers = 'localhost:1'\nsecurity.protocol = 'SASL_PLAINTEXT'\nsasl.mechanism = 'PLAIN'\nsasl.jaas.config = \"{jaas}\"\n"
        );
        for (name, text) in [
            ("orders.toml", "ssl.key.password = '@'\n"),
            ("orders.yaml", "ssl.key.password: @\n"),
            ("orders.json", "{\"ssl.key.password\": \"@\"}\n"),
            ("orders.properties", "ssl.key.password=@\n"),
            ("escaped.properties", "ssl.key.password=\\u0061@\\\n    @\n"),
            ("placeholder.properties", &placeholder),
            ("jaas.toml", &toml),
        ] {
            let path = folder.path(name);
            secret.write(&path, text);
            let config = ProducerConfig::from_file(&path).unwrap();
            assert!(secret.copies() >= 1, "{name}: the search does not find the secret");
            let _ = (config.explain(), config.warnings(), config.clone());
            drop(config);
            assert_eq!(secret.copies(), 0, "{name}: copies of the secret remain");
        }
    });
}
