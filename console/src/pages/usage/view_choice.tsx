/** The choice of the days, of the measure, and of the split. */

import { useEffect, useId, useState } from "preact/hooks";
import { faultOf, type Period } from "../../parts/days.ts";
import { Segments } from "../../parts/segments.tsx";
import { MEASURES, PRESETS, periodOf, presetOf, SPLITS, type UsageView } from "./view.ts";

interface Props {
  view: UsageView;
  today: string;
  onChange: (changes: Partial<UsageView>) => void;
  /** Whether the sums tell API keys apart. */
  hasKeys?: boolean;
}

export function ViewChoice({ view, today, onChange, hasKeys = true }: Props) {
  return (
    <div class="choices">
      <Segments
        label="Days (UTC)"
        options={PRESETS}
        value={presetOf(view.period, today)}
        onChoose={(preset) => onChange({ period: periodOf(preset, today) })}
      />
      <PeriodFields period={view.period} today={today} onChange={(period) => onChange({ period })} />
      <Segments label="Count" options={MEASURES} value={view.measure} onChoose={(measure) => onChange({ measure })} />
      {hasKeys && (
        <Segments label="Split by" options={SPLITS} value={view.split} onChoose={(split) => onChange({ split })} />
      )}
    </div>
  );
}

interface PeriodFieldsProps {
  period: Period;
  today: string;
  onChange: (period: Period) => void;
}

/** Two dates. They change the view as soon as they are a period. */
function PeriodFields({ period, today, onChange }: PeriodFieldsProps) {
  const [typed, setTyped] = useState(period);
  const [first, last] = [useId(), useId()];
  const fault = faultOf(typed);
  useEffect(() => setTyped({ from: period.from, to: period.to }), [period.from, period.to]);
  const change = (next: Period) => {
    setTyped(next);
    if (faultOf(next) === null) onChange(next);
  };
  return (
    <div class="dates">
      <label for={first}>
        From
        <input
          id={first}
          type="date"
          max={today}
          value={typed.from}
          onChange={(event) => change({ ...typed, from: event.currentTarget.value })}
        />
      </label>
      <label for={last}>
        To
        <input
          id={last}
          type="date"
          value={typed.to}
          aria-invalid={fault === null ? undefined : "true"}
          onChange={(event) => change({ ...typed, to: event.currentTarget.value })}
        />
      </label>
      {fault !== null && (
        <small class="error" role="alert">
          {fault}
        </small>
      )}
    </div>
  );
}
