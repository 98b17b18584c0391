package main
import ("os";"syscall";"time")
//go:noinline
func rec(n int) int { if n==0 { syscall.Kill(os.Getpid(), syscall.SIGABRT); time.Sleep(time.Second) }; return rec(n-1)+n }
func main(){ go func(){ for { time.Sleep(time.Second) } }(); println(rec(10)) }
