/** Versions of the device plugin API, oldest first, by the names that Kubernetes' table of versions has. */
export const pluginApis = ['v1alpha1', 'v1beta1'] as const;
export type PluginApi = (typeof pluginApis)[number];

/** Minors of Kubernetes 1 that serve each; without an end where it is served still. */
const served: Readonly<Record<PluginApi, readonly [from: number, to?: number]>> = {
  v1alpha1: [8, 9],
  v1beta1: [10],
};

/** What `v1beta1` has learnt since its first day, by the minor of Kubernetes 1 that first knows it. */
const learnt: readonly (readonly [minor: number, what: string])[] = [
  [17, 'topology of devices'],
  [19, 'GetPreferredAllocation'],
  [28, 'CDI devices'],
];

/** Minors whose kubelets are known here. */
const known: readonly [from: number, to: number] = [8, 37];

export interface PluginApiRow {
  /** As `1.26`. */
  kubernetes: string;
  /** Whether a kubelet of that version speaks it. */
  apis: Record<PluginApi, boolean>;
  /** What plugins may count on that kubelets before did not know. */
  new: string[];
}

/** Which kubelet speaks which version of the device plugin API. */
export function pluginApiVersions(): PluginApiRow[] {
  const minors = Array.from({ length: known[1] - known[0] + 1 }, (_, at) => known[0] + at);
  return minors.map((minor) => ({
    kubernetes: `1.${minor}`,
    apis: { v1alpha1: speaks('v1alpha1', minor), v1beta1: speaks('v1beta1', minor) },
    new: learnt.filter(([since]) => since === minor).map(([, what]) => what),
  }));
}

function speaks(api: PluginApi, minor: number): boolean {
  const [from, to = Number.POSITIVE_INFINITY] = served[api];
  return minor >= from && minor <= to;
}
