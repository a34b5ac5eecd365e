//! The whole role over real HTTP: what an application, a browser and an attacker see.

mod authorize;
mod consent;
mod development_token;
mod discovery;
mod flow;
mod harness;
mod operations;
mod pages;
mod refresh;
mod sign_out;
mod token;
