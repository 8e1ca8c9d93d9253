#![no_main]

libfuzzer_sys::fuzz_target!(|input: shared_fuzz::request::Input| input.check());
