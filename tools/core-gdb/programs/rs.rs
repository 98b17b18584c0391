use std::thread;
#[inline(never)] fn rec(n: u32, v: &mut Vec<u64>) -> u64 { v.push(n as u64); if n==0 { std::process::abort(); } let r=rec(n-1,v); v.pop(); r+1 }
#[inline(never)] fn gen<T: Fn(u32)->u64>(f:T)->u64 { f(12)+1 }
fn main(){ let h=thread::spawn(|| { thread::sleep(std::time::Duration::from_secs(100)); });
 let r=gen(|n| { let mut v=Vec::new(); let mut w: Vec<u32> = vec![5,3,9]; w.sort_by(|a,b| { if *a==9||*b==9 { let mut q=Vec::new(); rec(n,&mut q);} a.cmp(b)}); v.push(1); v[0] }); h.join().unwrap(); println!("{}",r); }
