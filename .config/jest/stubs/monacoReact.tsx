import { useEffect, useRef } from 'react';

type Listener = () => void;
interface Action {
  keybindings: number[];
  run: () => void;
}

interface Props {
  value: string;
  options: { ariaLabel?: string };
  beforeMount?: (monaco: unknown) => void;
  onMount?: (editor: unknown, monaco: unknown) => void;
}

/** The markers of the editor that rendered last. */
export const markersOnShow: unknown[] = [];

const monaco = {
  KeyMod: { Shift: 1024, CtrlCmd: 2048 },
  MarkerSeverity: { Warning: 4 },
  KeyCode: { Enter: 3, Tab: 2, KeyS: 49 },
  languages: {
    getLanguages: () => [{ id: 'cbc-lucene' }],
  },
  editor: {
    remeasureFonts: () => undefined,
    setModelMarkers: (_model: unknown, _owner: string, markers: unknown[]) => markersOnShow.splice(0, markersOnShow.length, ...markers),
  },
};

export const loader = { config: () => undefined };

/** Monaco needs a layout engine. This text area has the part of its interface that the editor uses. */
export default function Editor({ value, options, beforeMount, onMount }: Props) {
  const area = useRef<HTMLTextAreaElement>(null);
  const listeners = useRef<Listener[]>([]);
  const actions = useRef<Action[]>([]);
  // As in Monaco, the handlers of the first render stay.
  const first = useRef({ beforeMount, onMount });
  useEffect(() => {
    const editor = {
      getValue: () => area.current?.value ?? '',
      getModel: () => ({
        id: 'model',
        uri: 'model',
        onDidChangeContent: () => undefined,
        getValue: () => area.current?.value ?? '',
        getPositionAt: (offset: number) => ({ lineNumber: 1, column: offset + 1 }),
      }),
      getContentHeight: () => 32,
      focus: () => area.current?.focus(),
      onKeyDown: () => undefined,
      onDidDispose: () => undefined,
      onDidContentSizeChange: () => undefined,
      onDidChangeModelContent: (listener: Listener) => listeners.current.push(listener),
      addAction: (action: Action) => actions.current.push(action),
    };
    first.current.beforeMount?.(monaco);
    first.current.onMount?.(editor, monaco);
  }, []);
  useEffect(() => {
    if (area.current) {
      area.current.value = value;
    }
  }, [value]);
  return (
    <textarea
      ref={area}
      aria-label={options.ariaLabel}
      defaultValue={value}
      onInput={() => listeners.current.forEach((listener) => listener())}
      onKeyDown={(event) => {
        const pressed = (event.shiftKey ? monaco.KeyMod.Shift : 0) | (event.key === 'Enter' ? monaco.KeyCode.Enter : 0);
        const action = actions.current.find(({ keybindings }) => keybindings.includes(pressed));
        if (action) {
          event.preventDefault();
          action.run();
        }
      }}
    />
  );
}
