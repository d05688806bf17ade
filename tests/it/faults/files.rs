//! Uploaded files that are damaged on the disk.

use super::hand::Api;
use crate::support::Home;

const DIGEST: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[test]
fn a_damaged_file_is_reported_and_replaced_by_the_next_upload() {
    let home = Home::new();
    let coordinator = home.coordinator("data");
    let api = Api::of(&coordinator);
    assert_eq!(api.put_blob(DIGEST, b"hello".to_vec()).0, 204);
    let stored = coordinator.data_dir.join("blobs").join(&DIGEST[..2]).join(DIGEST);
    // Other content of the same length, a part of the content, and more than it.
    for damaged in ["hellp", "hell", "", "hello again"] {
        assert_eq!(api.blob(DIGEST), (200, b"hello".to_vec()));
        std::fs::write(&stored, damaged).expect("written");
        let (status, body) = api.blob(DIGEST);
        let body = String::from_utf8_lossy(&body);
        assert!(status == 500 && body.contains(DIGEST) && body.contains("hint"), "{status} {body}");
        assert_eq!(api.put_blob(DIGEST, b"hello".to_vec()).0, 204, "{damaged:?}");
    }
    assert_eq!(api.blob(DIGEST), (200, b"hello".to_vec()));
}
