// Names of many shapes, for both manglings. Unstable features only so that constants of every kind appear.
#![allow(incomplete_features, dead_code, non_snake_case, uncommon_codepoints, mixed_script_confusables)]
#![feature(adt_const_params, unsized_const_params, never_type, c_variadic, abi_vectorcall)]
use std::collections::HashMap;
use std::fmt::Debug;
use std::marker::ConstParamTy;

#[inline(never)]
fn show<T: ?Sized>() -> usize {
    std::hint::black_box(std::any::type_name::<T>().len())
}

#[derive(Debug)]
pub struct Wrapper<T>(T);
impl<T: Debug> Wrapper<T> {
    #[inline(never)]
    fn inherent(&self) -> usize { format!("{:?}", self.0).len() }
}
pub trait Speak<A> { type Word; fn speak(&self) -> usize; }
impl<T: Debug, A> Speak<A> for Wrapper<T> {
    type Word = T;
    #[inline(never)]
    fn speak(&self) -> usize { show::<A>() + format!("{:?}", self.0).len() }
}
#[derive(PartialEq, Eq, ConstParamTy)]
pub enum Shape { Unit, Tuple(u8, char), Struct { ch: char, ok: bool } }

#[inline(never)] fn konst_u8<const N: u8>() -> usize { show::<[u8; 3]>() + N as usize }
#[inline(never)] fn konst_i64<const N: i64>() -> usize { show::<i64>() + N as usize }
#[inline(never)] fn konst_u128<const N: u128>() -> usize { show::<u128>() + N as usize }
#[inline(never)] fn konst_bool<const N: bool>() -> usize { show::<bool>() + N as usize }
#[inline(never)] fn konst_char<const N: char>() -> usize { show::<char>() + N as usize }
#[inline(never)] fn konst_str<const N: &'static str>() -> usize { show::<str>() + N.len() }
#[inline(never)] fn konst_array<const N: [u16; 3]>() -> usize { show::<[u16; 3]>() + N[0] as usize }
#[inline(never)] fn konst_tuple<const N: (u8, bool)>() -> usize { show::<(u8, bool)>() + N.0 as usize }
#[inline(never)] fn konst_shape<const N: Shape>() -> usize { show::<Shape>() + matches!(N, Shape::Unit) as usize }
#[inline(never)] fn konst_ref<const N: &'static [u8; 2]>() -> usize { show::<u8>() + N[0] as usize }

mod größe { #[inline(never)] pub fn берег(x: usize) -> usize { super::show::<u32>() + x } pub mod 東京 { #[inline(never)] pub fn ß_x(x: usize) -> usize { super::берег(x) } } }

#[inline(never)]
fn call<F: Fn(usize) -> usize>(f: F) -> usize { std::hint::black_box(f)(1) }

fn main() {
    let mut n = 0;
    n += show::<dyn Fn(&u8) -> bool>() + show::<dyn for<'a, 'b> Fn(&'a u8, &'b mut str) -> &'a i8 + Send>();
    n += show::<for<'a> fn(&'a u8, for<'b> fn(&'b u8, &'a u16)) -> ()>() + show::<unsafe extern "C" fn(i32, ...) -> !>();
    n += show::<extern "system" fn(*const f32, *mut f64)>() + show::<extern "sysv64" fn() -> char>();
    n += show::<(u8,)>() + show::<()>() + show::<(i8, (i16, [i32; 4]), &[i64])>() + show::<[[u8; 2]; 300]>();
    n += show::<dyn Iterator<Item = HashMap<String, Vec<Option<Box<dyn Debug + Sync>>>>>>();
    n += show::<dyn Speak<u8, Word = dyn Speak<i8, Word = u128>>>() + show::<fn(isize, usize, i128) -> Result<(), !>>();
    n += Wrapper("x").inherent() + <Wrapper<Vec<u8>> as Speak<&'static mut [char]>>::speak(&Wrapper(vec![1]));
    n += <Wrapper<[Option<Wrapper<u8>>; 0]> as Speak<Wrapper<Wrapper<u8>>>>::speak(&Wrapper([]));
    n += konst_u8::<11>() + konst_i64::<-1234567890123>() + konst_i64::<{ i64::MIN }>() + konst_u128::<0xff00ff00ff00ff00ff>();
    n += konst_bool::<true>() + konst_bool::<false>() + konst_char::<'v'>() + konst_char::<'\''>() + konst_char::<'\n'>() + konst_char::<'∂'>() + konst_char::<'"'>() + konst_char::<'\u{301}'>() + konst_char::<'\u{200b}'>();
    n += konst_str::<"">() + konst_str::<"abc \" ' \t ∂ü 東 \u{7f} \\">() + konst_array::<{ [1, 2, 65535] }>() + konst_tuple::<{ (7, false) }>();
    n += konst_shape::<{ Shape::Unit }>() + konst_shape::<{ Shape::Tuple(1, 'x') }>() + konst_shape::<{ Shape::Struct { ch: '\\', ok: true } }>() + konst_ref::<{ &[1, 2] }>();
    n += größe::берег(1) + größe::東京::ß_x(2);
    n += call(|x| x + call(|y| y + call(move |z| x + y + z)));
    n += call(|x| { fn inner<T>(t: T) -> usize { show::<T>() + std::mem::size_of_val(&t) } inner([x; 2]) + inner("s") });
    std::process::exit((n & 1) as i32);
}
