/* RISC-V: entry, semihosting by a marked EBREAK (RISC-V Semihosting 0.4), minstret as the counter (32 bits at a time). */
#include "board.h"

uint32_t board_call(uint32_t operation, void *block);
void board_fault(void) __attribute__((noreturn));

__asm(".section .start, \"ax\"\n"
      ".globl _start\n"
      "_start:\n"
      "    la sp, stack_top\n"
      ".option push\n"
      ".option norelax\n"
      "    la gp, __global_pointer$\n"
      ".option pop\n"
      "    la t0, board_trap\n"
      "    csrw mtvec, t0\n"
#ifdef __riscv_flen
      "    li t0, 0x2000\n"
      "    csrs mstatus, t0\n"
#endif
      "    j board_begin\n"
      ".align 2\n"
      "board_trap:\n"
      "    la sp, stack_top\n" /* the stack may be what is broken */
      "    j board_fault\n"
      ".text\n");

void board_fault(void)
{
    board_exit(255); /* the emulator stops, and the host tells of it */
}

__attribute__((noinline, aligned(16))) uint32_t board_call(uint32_t operation, void *block)
{
    register uint32_t a0 __asm("a0") = operation;
    register void *a1 __asm("a1") = block;
    __asm volatile(".option push\n\t.option norvc\n\t"
                   "slli zero, zero, 0x1f\n\tebreak\n\tsrai zero, zero, 7\n\t"
                   ".option pop"
                   : "+r"(a0)
                   : "r"(a1)
                   : "memory");
    return a0;
}

void board_start_counter(void)
{
}

uint64_t board_counter(void)
{
    uint32_t low, high, again;
    do {
        __asm volatile("csrr %0, minstreth\n\tcsrr %1, minstret\n\tcsrr %2, minstreth" : "=r"(high), "=r"(low), "=r"(again));
    } while (high != again);
    return ((uint64_t)high << 32) | low;
}

__attribute__((noinline)) void board_loop(uint32_t rounds)
{
    __asm volatile("1: addi %0, %0, -1\n\tbnez %0, 1b" : "+r"(rounds));
}
