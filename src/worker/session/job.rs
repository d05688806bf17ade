//! A lease that the session holds, with what is kept for it.

use crate::api::v1::leases::LeaseView;
use crate::worker::weights::store::Pin;

/// A lease with its weights, which stay in the cache as long as the lease is held.
pub struct Job {
    pub view: Box<LeaseView>,
    pub weights: Option<Pin>,
}
