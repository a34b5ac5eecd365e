//! How the process gets its memory.

// Requests allocate and free many small buffers, often on another thread than the one that made
// them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Takes memory from Linux in pages of 4 KiB, never in transparent huge pages of 2 MiB, whatever
/// the machine's setting.
///
/// The allocator asks for huge pages, and gives back what was unused for a second. A burst of calls
/// needs memory of a sudden, and with huge pages the kernel clears 2 MiB at a time before the first
/// byte can be used: where memory is slow to come by, as in virtual machines, calls waited up to a
/// quarter of a second, and more calls came meanwhile.
///
/// A kernel without the setting, or a sandbox that forbids it, changes nothing but that.
pub(crate) fn take_small_pages() {
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}
