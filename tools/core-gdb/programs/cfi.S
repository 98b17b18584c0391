	.text
# CFA in RBX
	.globl cfarbx
	.type cfarbx,@function
cfarbx:	.cfi_startproc
	push %rbx
	.cfi_def_cfa_offset 16
	.cfi_offset %rbx,-16
	mov %rsp,%rbx
	.cfi_def_cfa %rbx,16
	sub $200,%rsp
	and $-64,%rsp
	call cfar10
	mov %rbx,%rsp
	pop %rbx
	.cfi_def_cfa %rsp,8
	ret
	.cfi_endproc
	.size cfarbx,.-cfarbx
# CFA by expression at -8 of rbp after r10 drap
	.globl cfar10
	.type cfar10,@function
cfar10:	.cfi_startproc
	lea 8(%rsp),%r10
	.cfi_def_cfa %r10,0
	and $-128,%rsp
	push -8(%r10)
	push %rbp
	mov %rsp,%rbp
	.cfi_escape 0x10,0x6,0x2,0x76,0x0
	push %r12
	push %r10
	.cfi_escape 0xf,0x3,0x76,0x70,0x6
	.cfi_escape 0x10,0xc,0x2,0x76,0x78
	sub $80,%rsp
	mov $0x1212,%r12d
	call exprs
	add $80,%rsp
	pop %r10
	.cfi_def_cfa %r10,0
	pop %r12
	pop %rbp
	lea -8(%r10),%rsp
	.cfi_def_cfa %rsp,8
	ret
	.cfi_endproc
	.size cfar10,.-cfar10
# rbx saved as val_expression: rbx = *(rsp+8)+5 ; rbp in r13 (register rule), r14 undefined, r15 by val_offset
	.globl exprs
	.type exprs,@function
exprs:	.cfi_startproc
	mov %rbp,%r13
	.cfi_register %rbp,%r13
	.cfi_undefined %r14
	lea -5(%rbx),%rax
	push %rax
	.cfi_adjust_cfa_offset 8
	# val_expression rbx (3): DW_OP_breg7 0; deref; lit5; plus
	.cfi_escape 0x16,0x3,0x5,0x77,0x0,0x06,0x35,0x22
	.cfi_escape 0x14,15,4
	xor %ebp,%ebp
	xor %ebx,%ebx
	sub $16,%rsp
	.cfi_escape 0x0f,0x06,0x77,0x10,0x08,0x10,0x22,0x96
	# expression for rbx must follow: breg7 16
	.cfi_escape 0x16,0x3,0x5,0x77,0x10,0x06,0x35,0x22
	xor %r14d,%r14d
	call sigframe
	add $16,%rsp
	.cfi_def_cfa %rsp,16
	pop %rax
	.cfi_def_cfa_offset 8
	lea 5(%rax),%rbx
	mov %r13,%rbp
	ret
	.cfi_endproc
	.size exprs,.-exprs
	.globl sigframe
	.type sigframe,@function
sigframe:	.cfi_startproc
	push %r13
	.cfi_def_cfa_offset 16
	.cfi_offset %r13,-16
	pushfq
	.cfi_adjust_cfa_offset 8
	call last
	popfq
	.cfi_adjust_cfa_offset -8
	pop %r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	ret
	.cfi_endproc
	.size sigframe,.-sigframe
	.globl last
	.type last,@function
last:	.cfi_startproc
	movl $0,0
	ret
	.cfi_endproc
	.size last,.-last
	.section .note.GNU-stack,"",@progbits
