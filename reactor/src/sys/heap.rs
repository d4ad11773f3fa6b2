//! Memory that a crowd has left, given back to the system.
//!
//! The C library of most Linux systems keeps freed pages for the next crowd, which may never come. Here
//! because the one call is C. Knows nothing of who freed what. Read next: `malloc_trim(3)`.

/// Gives whole pages of freed memory back to the system, where the allocator would keep them (glibc); does
/// nothing elsewhere. Takes about a millisecond for ten megabytes, so call it when a crowd has left.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "a C function")]
pub fn trim_heap() {
    // SAFETY: takes no pointer, touches only memory that nobody holds, and locks for itself.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other allocators give freed memory back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn trim_heap() {}
