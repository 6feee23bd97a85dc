use ottla::*;
use std::time::*;
fn cpu() -> f64 { let s = std::fs::read_to_string("/proc/self/stat").unwrap(); let v: Vec<&str> = s.rsplit(')').next().unwrap().split_whitespace().collect(); (v[11].parse::<f64>().unwrap()+v[12].parse::<f64>().unwrap())/100.0 }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let n: usize = a[1].parse().unwrap(); let size: usize = a[2].parse().unwrap();
    let mut c = ProducerConfig::new();
    if a[3] == "mock" { c = c.set("test.mock.num.brokers", "1").unwrap(); } else { c = c.set("bootstrap.servers", &a[3]).unwrap(); }
    for kv in &a[4..] { let (k,v) = kv.split_once('=').unwrap(); c = c.set(k, v).unwrap(); }
    let p: Producer<[u8], [u8]> = Producer::builder(c).build().unwrap();
    let value = vec![b'x'; size];
    let t = Instant::now(); let c0 = cpu();
    let r: (u64, u64) = futures::executor::block_on(async {
        let mut q = std::collections::VecDeque::new(); let (mut ok, mut bad) = (0, 0);
        for i in 0..n as u64 {
            let key = i.to_be_bytes();
            match p.send(ProducerRecord::to("bench").key(&key[..]).value(&value[..])).await { Ok(d) => q.push_back(d), Err(e) => { println!("{e:?}"); bad += 1; } }
            while q.len() > 100_000 { match q.pop_front().unwrap().await { Ok(_) => ok += 1, Err(e) => { if bad == 0 { println!("{e:?}"); } bad += 1; } } }
        }
        for d in q { match d.await { Ok(_) => ok += 1, Err(e) => { if bad == 0 { println!("{e:?}"); } bad += 1; } } }
        (ok, bad)
    });
    let e = t.elapsed().as_secs_f64();
    println!("ok={} bad={} {:.2}s {:.0}/s cpu/M={:.2}", r.0, r.1, e, n as f64 / e, (cpu()-c0)/n as f64*1e6);
    let t = Instant::now();
    let d = futures::executor::block_on(p.send(ProducerRecord::to("bench").value(&value[..]))).unwrap();
    futures::executor::block_on(p.flush()).unwrap();
    println!("flush one: {:?} {:?}", t.elapsed(), futures::executor::block_on(d));
    let mut f = Vec::new(); let mut g = Vec::new();
    for _ in 0..200 { let t = Instant::now(); let d = futures::executor::block_on(p.send(ProducerRecord::to("bench").value(&value[..]))).unwrap(); futures::executor::block_on(p.flush()).unwrap(); f.push(t.elapsed()); drop(d);
      let t = Instant::now(); let d = futures::executor::block_on(p.send(ProducerRecord::to("bench").value(&value[..]))).unwrap(); futures::executor::block_on(d).unwrap(); g.push(t.elapsed()); }
    f.sort(); g.sort(); println!("flush p50 {:?} p99 {:?}; await p50 {:?} p99 {:?}", f[100], f[198], g[100], g[198]);
    let t = Instant::now();
    let u = futures::executor::block_on(p.close(Duration::from_secs(5))).unwrap();
    println!("close: {:?} unsent {}", t.elapsed(), u.len());
}
