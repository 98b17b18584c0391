struct D; impl Drop for D { fn drop(&mut self){ std::process::abort(); } }
#[inline(never)] fn p(n:u32)->u32 { let _d=D; let v=vec![1,2,3]; if n==0 { panic!("x {}", v[n as usize]); } p(n-1)+1 }
fn main(){ println!("{}",p(4)); }
