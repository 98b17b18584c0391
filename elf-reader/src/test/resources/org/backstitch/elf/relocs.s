# Every relocation type that is applied, and two that are not. Sections of their own, so that offsets are those of the source.
        .text
        .skip 16
        .globl function
        .type function, @function
function: .skip 7, 0x90
        .size function, 7
        .section .text.other,"ax"
        .skip 0x20
local:  nop
        .globl absolute
        .set absolute, 0x1234
        .comm common, 64, 32
        .section .table,"a"
        .reloc ., R_X86_64_64, local+5            # 00: 20 + 5
        .quad 0
        .reloc ., R_X86_64_PC64, function-4       # 08: 10 - 4 - 8
        .quad 0
        .reloc ., R_X86_64_PC32, local            # 10: 20 - 10
        .long 0
        .reloc ., R_X86_64_PLT32, function        # 14: 10 - 14
        .long 0
        .reloc ., R_X86_64_32, absolute           # 18: 1234
        .long 0
        .reloc ., R_X86_64_32S, function-0x20     # 1c: 10 - 20
        .long 0
        .reloc ., R_X86_64_16, local+0x1000       # 20: 1020
        .word 0
        .reloc ., R_X86_64_PC16, local            # 22: 20 - 22
        .word 0
        .reloc ., R_X86_64_8, function            # 24: 10
        .byte 0
        .reloc ., R_X86_64_PC8, function          # 25: 10 - 25
        .byte 0
        .word 0
        .reloc ., R_X86_64_SIZE32, function+1     # 28: 7 + 1
        .long 0
        .reloc ., R_X86_64_SIZE64, function       # 2c: 7
        .quad 0
        .reloc ., R_X86_64_64, undefined+3        # 34: 3
        .quad 0
        .reloc ., R_X86_64_64, common+1           # 3c: 1
        .quad 0
        .reloc ., R_X86_64_GOTPCREL, function     # 44: stays
        .long 0x11111111
        .reloc ., R_X86_64_TPOFF32, function      # 48: stays
        .long 0x22222222
