//! S098, S148, S176: a loop belongs to its thread; only its handle may travel.

use squall::ioloop::IoLoop;

fn main() {
    let io_loop = IoLoop::new().unwrap();
    std::thread::spawn(move || io_loop.stop());
}
