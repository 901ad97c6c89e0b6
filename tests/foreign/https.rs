//! A server behind TLS: reached by whoever trusts its certificate, and by nobody else.

use std::path::Path;
use std::process::{Command, Stdio};

use rondo_testkit::process::{Running, await_port, free_port};

use crate::tls::{Authority, Helper};
use crate::{Played, run};

#[test]
fn a_server_is_reached_over_tls_by_whoever_trusts_its_certificate() {
    let (played, authority) = (Played::new(), Authority::new());
    let (data, far, port) = (played.path("data"), played.path("far"), free_port());
    let mut command = Command::new(rondo_tests::program());
    command.args(["--data", &data, "up", "--listen", &format!("127.0.0.1:{port}")]).stderr(Stdio::null());
    let _server = Running::start("rondo up", &mut command);
    await_port("rondo up", port);
    let [certificate, key] = authority.server();
    let behind = played.path("port");
    std::fs::write(&behind, port.to_string()).unwrap();
    let proxy = Helper::start("tls.py", &[&certificate, &key, Path::new(&behind)]);
    let url = format!("https://127.0.0.1:{}", proxy.said);

    // What the server announced, under the address by which others reach it.
    let announced = Path::new(&data).join("server.json");
    for _ in 0..400 {
        if announced.exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(25));
    }
    let text = std::fs::read_to_string(announced).unwrap();
    std::fs::create_dir(&far).unwrap();
    std::fs::write(Path::new(&far).join("server.json"), text.replace(&format!("http://127.0.0.1:{port}"), &url))
        .unwrap();
    let config = played.path("far.toml");
    std::fs::write(&config, format!("[gateway]\nca-file = {:?}\n", authority.ca())).unwrap();
    let list = |more: &[&str]| run(&[&["--data", &far, "--server", &url], more, &["round", "list"]].concat());
    let known = list(&["--config", &config]);
    let told = String::from_utf8_lossy(&known.stdout).into_owned();
    assert!(known.status.success() && told.contains("ilms-asean-2025"), "{known:?}");
    let unknown = list(&[]);
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.status.code() == Some(75) && told.contains("no server answers"), "{unknown:?}");
}
