//! Codes and refresh tokens over time.
