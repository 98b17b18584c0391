package org.backstitch.elf;

/**
 * Numbers of the ELF format under their own names (System V gABI; x86-64 psABI; the GNU extensions in glibc's {@code elf.h}); those
 * that Backstitch reads, and their neighbours.
 */
public final class ElfConstants {
    private ElfConstants() {}

    // e_type: what kind of file it is (gABI, chapter 4).
    public static final int ET_NONE = 0;
    public static final int ET_REL = 1;
    public static final int ET_EXEC = 2;
    public static final int ET_DYN = 3;
    public static final int ET_CORE = 4;

    // e_machine of x86-64.
    public static final int EM_X86_64 = 62;

    // Program header counts and types (gABI, chapter 5; the GNU ones: LSB).
    public static final int PN_XNUM = 0xffff;
    public static final int PT_NULL = 0;
    public static final int PT_LOAD = 1;
    public static final int PT_DYNAMIC = 2;
    public static final int PT_INTERP = 3;
    public static final int PT_NOTE = 4;
    public static final int PT_SHLIB = 5;
    public static final int PT_PHDR = 6;
    public static final int PT_TLS = 7;
    public static final int PT_GNU_EH_FRAME = 0x6474_e550;
    public static final int PT_GNU_STACK = 0x6474_e551;
    public static final int PT_GNU_RELRO = 0x6474_e552;
    public static final int PT_GNU_PROPERTY = 0x6474_e553;

    // Program header flags.
    public static final int PF_X = 1 << 0;
    public static final int PF_W = 1 << 1;
    public static final int PF_R = 1 << 2;

    // Special section indices (gABI, chapter 4).
    public static final int SHN_UNDEF = 0;
    public static final int SHN_LORESERVE = 0xff00;
    public static final int SHN_ABS = 0xfff1;
    public static final int SHN_COMMON = 0xfff2;
    public static final int SHN_XINDEX = 0xffff;

    // Section types.
    public static final int SHT_NULL = 0;
    public static final int SHT_PROGBITS = 1;
    public static final int SHT_SYMTAB = 2;
    public static final int SHT_STRTAB = 3;
    public static final int SHT_RELA = 4;
    public static final int SHT_HASH = 5;
    public static final int SHT_DYNAMIC = 6;
    public static final int SHT_NOTE = 7;
    public static final int SHT_NOBITS = 8;
    public static final int SHT_REL = 9;
    public static final int SHT_SHLIB = 10;
    public static final int SHT_DYNSYM = 11;
    public static final int SHT_INIT_ARRAY = 14;
    public static final int SHT_FINI_ARRAY = 15;
    public static final int SHT_PREINIT_ARRAY = 16;
    public static final int SHT_GROUP = 17;
    public static final int SHT_SYMTAB_SHNDX = 18;
    public static final int SHT_RELR = 19;
    public static final int SHT_GNU_HASH = 0x6fff_fff6;
    public static final int SHT_X86_64_UNWIND = 0x7000_0001;

    // Section flags.
    public static final long SHF_WRITE = 1L << 0;
    public static final long SHF_ALLOC = 1L << 1;
    public static final long SHF_EXECINSTR = 1L << 2;
    public static final long SHF_MERGE = 1L << 4;
    public static final long SHF_STRINGS = 1L << 5;
    public static final long SHF_INFO_LINK = 1L << 6;
    public static final long SHF_LINK_ORDER = 1L << 7;
    public static final long SHF_GROUP = 1L << 9;
    public static final long SHF_TLS = 1L << 10;
    public static final long SHF_COMPRESSED = 1L << 11;

    // Algorithms of compressed sections.
    public static final int ELFCOMPRESS_ZLIB = 1;
    public static final int ELFCOMPRESS_ZSTD = 2;

    // Symbol bindings.
    public static final int STB_LOCAL = 0;
    public static final int STB_GLOBAL = 1;
    public static final int STB_WEAK = 2;
    public static final int STB_GNU_UNIQUE = 10;

    // Symbol types.
    public static final int STT_NOTYPE = 0;
    public static final int STT_OBJECT = 1;
    public static final int STT_FUNC = 2;
    public static final int STT_SECTION = 3;
    public static final int STT_FILE = 4;
    public static final int STT_COMMON = 5;
    public static final int STT_TLS = 6;
    public static final int STT_GNU_IFUNC = 10;

    // Types of the notes named GNU.
    public static final int NT_GNU_ABI_TAG = 1;
    public static final int NT_GNU_BUILD_ID = 3;
    public static final int NT_GNU_PROPERTY_TYPE_0 = 5;

    // Types of the notes named CORE and LINUX in core files.
    public static final int NT_PRSTATUS = 1;
    public static final int NT_PRFPREG = 2;
    public static final int NT_PRPSINFO = 3;
    public static final int NT_AUXV = 6;
    public static final int NT_SIGINFO = 0x5349_4749;
    public static final int NT_FILE = 0x4649_4c45;
    public static final int NT_X86_XSTATE = 0x202;

    // Relocation types of x86-64 (psABI, table 4.10).
    public static final int R_X86_64_NONE = 0;
    public static final int R_X86_64_64 = 1;
    public static final int R_X86_64_PC32 = 2;
    public static final int R_X86_64_GOT32 = 3;
    public static final int R_X86_64_PLT32 = 4;
    public static final int R_X86_64_COPY = 5;
    public static final int R_X86_64_GLOB_DAT = 6;
    public static final int R_X86_64_JUMP_SLOT = 7;
    public static final int R_X86_64_RELATIVE = 8;
    public static final int R_X86_64_GOTPCREL = 9;
    public static final int R_X86_64_32 = 10;
    public static final int R_X86_64_32S = 11;
    public static final int R_X86_64_16 = 12;
    public static final int R_X86_64_PC16 = 13;
    public static final int R_X86_64_8 = 14;
    public static final int R_X86_64_PC8 = 15;
    public static final int R_X86_64_PC64 = 24;
    public static final int R_X86_64_SIZE32 = 32;
    public static final int R_X86_64_SIZE64 = 33;
    public static final int R_X86_64_IRELATIVE = 37;
}
