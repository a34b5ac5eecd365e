//! The committed code is what the `.proto` files say.
//!
//! After changing a `.proto`: `WEIR_GENERATE=1 cargo test -p weir-proto`.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;

const DESCRIPTOR: &str = "descriptor.bin";
const CODE: &str = "weir.limiter.v1.rs";

#[test]
fn committed_code_is_current() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/generated");
    if std::env::var_os("WEIR_GENERATE").is_some() {
        generate_into(&committed);
    }
    let fresh = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("generated");
    generate_into(&fresh);
    for name in [DESCRIPTOR, CODE] {
        let same = fs::read(committed.join(name)).ok() == fs::read(fresh.join(name)).ok();
        assert!(
            same,
            "src/generated/{name} is stale: run WEIR_GENERATE=1 cargo test -p weir-proto"
        );
    }
}

fn generate_into(directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    let root = env!("CARGO_MANIFEST_DIR");
    let descriptors = protox::compile(["weir/limiter/v1/limiter.proto"], [root]).unwrap();
    fs::write(directory.join(DESCRIPTOR), descriptors.encode_to_vec()).unwrap();
    tonic_prost_build::configure()
        .bytes(".weir.limiter.v1")
        .codec_path("crate::codec::Codec")
        .emit_rerun_if_changed(false)
        .out_dir(directory)
        .compile_fds(descriptors)
        .unwrap();
}
