import type { ImageSet } from '../criu/image-set.ts';
import { CpuinfoEntry, CpuinfoX86EntryVendor } from '../gen/criu/inventory.ts';

/** The processor of the machine that was dumped on, where CRIU was asked to note it. */
export interface Processor {
  readonly architecture: 'x86-64' | 'ppc64' | 's390x';
  readonly vendor?: string;
  readonly model?: string;
  readonly family?: number;
  readonly modelNumber?: number;
  readonly stepping?: number;
  /** Under the names of /proc/cpuinfo, as far as programs can use them. */
  readonly features: readonly string[];
  /** State components that XSAVE saves. */
  readonly stateComponents?: bigint;
  /** Bytes that it needs for them. */
  readonly stateSize?: number;
  /** Other architectures: words of what the kernel tells programs of the hardware. */
  readonly hardware?: readonly bigint[];
}

/**
 * Names of /proc/cpuinfo in the words of CRIU's table of features (its places differ from the kernel's), from the lowest bit on; `-` where there is
 * none. Words without what programs can use are left out.
 */
const featureNames: Readonly<Record<number, string>> = {
  0: 'fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - dts acpi mmx fxsr sse sse2 ss ht tm ia64 pbe',
  1: '- - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr_opt pdpe1gb rdtscp - lm 3dnowext 3dnow',
  4: 'pni pclmulqdq dtes64 monitor ds_cpl vmx smx est tm2 ssse3 cid sdbg fma cx16 xtpr pdcm - pcid dca sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer aes xsave - avx f16c rdrand hypervisor',
  6: 'lahf_lm cmp_legacy svm extapic cr8_legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop skinit wdt - lwp fma4 tce - nodeid_msr - tbm topoext perfctr_core perfctr_nb - bpext ptsc perfctr_llc mwaitx',
  9: 'fsgsbase tsc_adjust sgx bmi1 hle avx2 - smep bmi2 erms invpcid rtm cqm - mpx rdt_a avx512f avx512dq rdseed adx smap avx512ifma - clflushopt clwb intel_pt avx512pf avx512er avx512cd sha_ni avx512bw avx512vl',
  10: 'xsaveopt xsavec xgetbv1 xsaves xfd',
  11: '- avx512vbmi umip pku ospke waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni avx512_bitalg tme avx512_vpopcntdq - la57 - - - - - rdpid - bus_lock_detect cldemote - movdiri movdir64b enqcmd',
  13: 'clzero irperf xsaveerptr - rdpru - - - - wbnoinvd',
  18: '- - avx512_4vnniw avx512_4fmaps fsrm - - - avx512_vp2intersect - md_clear - - - serialize - tsxldtrk - pconfig arch_lbr ibt - amx_bf16 avx512_fp16 amx_tile amx_int8',
};

const vendors: Readonly<Record<number, string>> = {
  [CpuinfoX86EntryVendor.INTEL]: 'Intel',
  [CpuinfoX86EntryVendor.AMD]: 'AMD',
};

/** What `cpuinfo.img` says; a dump has it only when CRIU was told to note the processor. @throws CodedError `corrupt` */
export async function processors(images: ImageSet): Promise<Processor[]> {
  const entries = await images.messages('cpuinfo.img', CpuinfoEntry);
  const hardware = (architecture: 'ppc64' | 's390x', hwcap: readonly bigint[]): Processor => ({
    ...{ architecture, features: [], hardware: hwcap },
  });
  return entries.flatMap(({ x86_entry, ppc64_entry, s390_entry }) => [
    ...x86_entry.map((entry): Processor => {
      const { vendor_id, model_id, cpu_family, model, stepping, capability, xfeatures_mask, xsave_size } =
        entry;
      const vendor = vendors[vendor_id];
      return {
        architecture: 'x86-64',
        ...(vendor && { vendor }),
        ...(model_id && { model: model_id }),
        ...{ family: cpu_family, modelNumber: model, stepping, features: featuresIn(capability) },
        ...(xfeatures_mask !== undefined && { stateComponents: xfeatures_mask }),
        ...(xsave_size !== undefined && { stateSize: xsave_size }),
      };
    }),
    ...ppc64_entry.map(({ hwcap }) => hardware('ppc64', hwcap)),
    ...s390_entry.map(({ hwcap }) => hardware('s390x', hwcap)),
  ]);
}

function featuresIn(words: readonly number[]): string[] {
  return Object.entries(featureNames).flatMap(([word, names]) =>
    names.split(' ').filter((name, bit) => name !== '-' && ((words[Number(word)] ?? 0) >>> bit) & 1),
  );
}
