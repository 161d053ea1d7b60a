//! placeholder
use super::{Context, Error};
use crate::api::ExperimentRun;
/// x
pub async fn record(_: &Context, _: &ExperimentRun) -> Result<String, Error> {
    Ok(String::new())
}
