//! Sets `cfg(loom)`, which disables the unit tests of the included files: they run without loom.

fn main() {
    println!("cargo:rustc-check-cfg=cfg(loom)");
    println!("cargo:rustc-cfg=loom");
}
