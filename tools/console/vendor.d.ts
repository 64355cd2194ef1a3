// What `make lint-js` needs to know of the bundles in static/vendor, by hand. What stands in templates is not checked.

declare module "*/vendor/preact.js" {
  export interface Signal<T = any> {
    value: T;
    peek(): T;
    subscribe(fn: (value: T) => void): () => void;
  }
  export function signal<T>(value: T): Signal<T>;
  export function computed<T>(fn: () => T): Signal<T>;
  export function effect(fn: () => unknown): () => void;
  export function batch<T>(fn: () => T): T;
  export function untracked<T>(fn: () => T): T;
  export function useSignal<T>(value: T): Signal<T>;
  export function useComputed<T>(fn: () => T): Signal<T>;

  export function html(strings: TemplateStringsArray, ...values: unknown[]): any;
  export function render(node: unknown, place: Element): void;

  export function useEffect(fn: () => unknown, inputs?: unknown[]): void;
  export function useId(): string;
  export function useLayoutEffect(fn: () => unknown, inputs?: unknown[]): void;
  export function useMemo<T>(fn: () => T, inputs: unknown[]): T;
  export function useRef(value: any): { current: any };
  export function useState<T>(value: T): [T, (value: T) => void];
}

declare module "*/vendor/uplot.js" {
  export default class uPlot {
    constructor(options: object, data: number[][], place: HTMLElement);
    setData(data: number[][]): void;
    setSize(size: { width: number; height: number }): void;
    destroy(): void;
  }
}
