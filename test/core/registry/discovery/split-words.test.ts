import { describe, expect, test } from 'vitest'
import { foldText, keyOf, labelOf, splitWords } from '#core/registry/discovery/split-words.ts'

const wordsOf = (text: string) =>
  splitWords(text).map(({ word, variant }) => (variant ? `${word}|${variant}` : word))

describe('splitWords', () => {
  test.each([
    ['Weather forecast, today!', ['weather', 'forecast', 'today']],
    ['weather_forecast-v2.1', ['weather', 'forecast', 'v2', '1']],
    ['Müller & Söhne', ['muller|mueller', 'sohne|soehne']],
    ['mu\u0308ller', ['muller|mueller']],
    ['Straße ŒUVRE Ærø Łódź', ['strasse', 'oeuvre', 'aero', 'lodz']],
    ['Café déjà-vu naïve', ['cafe', 'deja', 'vu', 'naive']],
    ['İstanbul ISPARTA', ['istanbul', 'isparta']],
    ['ΟΔΟΣ οδοσ', ['οδοσ', 'οδοσ']],
    ['Привет, Ёлка', ['привет', 'елка']],
    ['天气预报', ['天气', '气预', '预报', '报']],
    ['GPT天气bot', ['gpt', '天气', '气', 'bot']],
    ['カタカナ', ['カタ', 'タカ', 'カナ', 'ナ']],
    ['ｶﾀ ＡＢＣ ﬁn ½', ['カタ', 'タ', 'abc', 'fin', '1', '2']],
    ['한국어 번역', ['한국어', '번역']],
    ['हिन्दी अनुवाद', ['हिन्दी', 'अनुवाद']],
    ["don't l'agent", ['don', 't', 'l', 'agent']],
    ['😀 -- "" \\ \' :* <-> !', []],
    ['', []],
  ])('reads %j', (text, words) => {
    expect(wordsOf(text)).toEqual(words)
  })

  test('cuts what is longer than a lexeme may be', () => {
    expect(splitWords('x'.repeat(5000))).toEqual([{ word: 'x'.repeat(64), variant: null, piece: false }])
  })

  test('gives words of letters, digits and marks only, which a tsquery can quote', () => {
    const all = Array.from({ length: 0x3000 }, (_, i) => String.fromCharCode(i + 1)).join('')
    for (const { word } of splitWords(all)) expect(word).toMatch(/^[\p{L}\p{N}\p{M}]+$/u)
  })
})

describe('keys', () => {
  test('foldText takes case and accents away, keyOf unifies spaces, labelOf keeps accents', () => {
    expect(foldText('Ünïcode')).toBe('unicode')
    expect(keyOf('  Weather \t Wizard ')).toBe('weather wizard')
    expect(labelOf(' Übersetzung  DE ')).toBe('übersetzung de')
  })
})
